#pragma once
// The losses of a training as pictures: metrics.jsonl to curves.svg and to the charts of a report. With validation data there are four: the
// sum of the losses of both, in which over-fitting shows (training falls on, validation does not), AP, and the parts of each.
#include <frcnn/viz/plot.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace console {

// Lines of metrics.jsonl as series. Those of others are passed over.
class metric_series {
 public:
  explicit metric_series(std::filesystem::path const& file);
  // x: step; y: the field. Numbers that are none, null in the file, are left out.
  frcnn::viz::chart_series of(std::string const& field, std::string name, double smoothing) const;

  // What lines have numbers of, besides the step.
  std::set<std::string> fields() const;

 private:
  std::vector<nlohmann::json> lines_;
};

// The charts of a training.
std::vector<frcnn::viz::chart_panel> training_panels(metric_series const& metrics);

// out: the folder of a run, with metrics.jsonl.
void draw_training_curves(std::filesystem::path const& out);

}  // namespace console
