#include "curves.hpp"

#include <frcnn/io/atomic_file.hpp>
#include <frcnn/io/read_file.hpp>

#include <sstream>
#include <utility>

namespace console {

metric_series::metric_series(std::filesystem::path const& file) {
  std::istringstream lines(frcnn::io::read_file(file));
  for (std::string line; std::getline(lines, line);)
    if (auto values = nlohmann::json::parse(line, nullptr, false);
        values.is_object() && values.contains("step") && values["step"].is_number())
      lines_.push_back(std::move(values));
}

frcnn::viz::chart_series metric_series::of(std::string const& field, std::string name, double smoothing) const {
  frcnn::viz::chart_series s{.name = std::move(name), .smoothing = smoothing};
  for (auto const& values : lines_)
    if (auto const found = values.find(field); found != values.end() && found->is_number())
      s.x.push_back(values["step"].get<double>()), s.y.push_back(found->get<double>());
  return s;
}

std::set<std::string> metric_series::fields() const {
  std::set<std::string> names;
  for (auto const& values : lines_)
    for (auto const& [name, value] : values.items())
      if (value.is_number() && name != "step") names.insert(name);
  return names;
}

std::vector<frcnn::viz::chart_panel> training_panels(metric_series const& metrics) {
  namespace viz = frcnn::viz;
  std::vector<viz::chart_series> losses;
  for (auto const* name : {"loss", "objectness", "rpn_box", "class", "head_box"}) losses.push_back(metrics.of(name, name, 0.95));
  viz::chart_options const of_losses{.title = "Training losses", .x_label = "step", .y_label = "loss"};
  auto const validation = metrics.of("val_loss", "validation", 0);
  if (validation.x.empty()) return {{of_losses, losses}};
  std::vector<viz::chart_series> parts;  // as of training, in the same colours
  for (auto const& of : losses) parts.push_back(metrics.of("val_" + of.name, of.name, 0));
  std::vector<viz::chart_panel> panels{
      {{.title = "Loss", .x_label = "step", .y_label = "loss"}, {metrics.of("loss", "training", 0.95), validation}},
      {{.title = "AP50 on the validation data", .x_label = "step", .y_label = "mAP50", .y = {0, 1}}, {metrics.of("val_map50", "mAP50", 0)}},
      {of_losses, losses},
      {{.title = "Validation losses", .x_label = "step", .y_label = "loss"}, parts}};
  for (auto& panel : panels) panel.options.x = {0, validation.x.back()};  // an evaluation is the last thing that a run does
  return panels;
}

void draw_training_curves(std::filesystem::path const& out) {
  auto const panels = training_panels(metric_series(out / "metrics.jsonl"));
  frcnn::io::write_file_atomically(out / "curves.svg", panels.size() == 1
                                                           ? frcnn::viz::line_chart(panels.front().options, panels.front().series)
                                                           : frcnn::viz::chart_grid(panels, 2));
}

}  // namespace console
