#include "report.hpp"

#include "console.hpp"
#include "curves.hpp"
#include "data_findings.hpp"

#include <frcnn/core/image.hpp>
#include <frcnn/data/image_io.hpp>
#include <frcnn/data/summary.hpp>
#include <frcnn/eval/coco_report.hpp>
#include <frcnn/eval/detection_study.hpp>
#include <frcnn/eval/report.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/ops/resize.hpp>
#include <frcnn/viz/draw.hpp>
#include <frcnn/viz/html_page.hpp>
#include <frcnn/viz/picture.hpp>
#include <frcnn/viz/plot.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace console {

namespace {

// At most `side` pixels long and wide. Halves are exact means of four pixels, so that nothing is skipped; the rest is bilinear.
frcnn::image shrunk(frcnn::image im, int side) {
  frcnn::ops::resizer resize;
  auto const to = [&](int w, int h) {
    frcnn::image out(w, h);
    double const step_x = static_cast<double>(im.width) / w, step_y = static_cast<double>(im.height) / h;
    resize(im, {w, h, 1 / step_x, 1 / step_y, step_x, step_y}, out.pixels.data());
    im = std::move(out);
  };
  while (std::max(im.width, im.height) >= 2 * side) to(std::max(1, im.width / 2), std::max(1, im.height / 2));
  if (int const longer = std::max(im.width, im.height); longer > side)
    to(std::max(1, im.width * side / longer), std::max(1, im.height * side / longer));
  return im;
}

// NaN, and COCO's -1: there is nothing to say.
std::string ap_text(double v) { return frcnn::eval::format_ap(v < 0 ? std::numeric_limits<double>::quiet_NaN() : v); }

class report_writer {
 public:
  report_writer(run_facts const& facts, tested const* t) : facts_(facts), page_(facts.title), t_(t) {
    if (t_) study_ = frcnn::eval::study_detections(t_->found, t_->truth, static_cast<int>(t_->classes.size()), t_->metric, t_->threads);
  }
  std::string page() {
    if (t_) result(), sizes(), thresholds(), confusion(), errors(), recall(), pictures();
    if (!facts_.metrics.empty()) curves();
    pairs("Settings", facts_.settings);
    data();
    pairs("Times", facts_.times);
    return page_.str();
  }

 private:
  using rows = std::vector<std::vector<std::string>>;
  using names = std::vector<std::string>;

  void result() {
    auto const& half = study_.at.front();
    page_.heading("Result");
    page_.table({"", "value"}, {{"mAP50", ap_text(half.mean)},
                                {"mAP at an IoU of 0.5 to 0.95", ap_text(study_.mean())},
                                {"test images", std::to_string(t_->set.size())},
                                {"objects", std::to_string(count(&frcnn::eval::class_ap::truths))},
                                {"difficult objects, ignored", std::to_string(count(&frcnn::eval::class_ap::difficult))},
                                {"detections", std::to_string(count(&frcnn::eval::class_ap::detections))}});
    if (!t_->truth.empty() && !half.classes.empty() && t_->coco) coco_numbers();
    page_.heading("AP of each class by IoU");
    page_.text(t_->metric == frcnn::eval::ap_metric::area ? "VOC's average precision, as the area under the curve."
                                                          : "VOC's average precision, of 11 points (VOC2007).");
    names head{"class"};
    for (auto const& e : study_.at) head.push_back(fmt::format("{:.2f}", e.options.iou_threshold));
    head.push_back("mean");
    rows lines;
    auto const line = [&](std::string const& name, auto ap, double mean) {
      lines.push_back({name});
      for (auto const& e : study_.at) lines.back().push_back(ap_text(ap(e)));
      lines.back().push_back(ap_text(mean));
    };
    for (std::size_t k = 0; k < t_->classes.size(); ++k)
      line(
          t_->classes[k], [k](auto const& e) { return e.classes[k].ap; }, study_.ap_of(k));
    line(
        "mean of the classes", [](auto const& e) { return e.mean; }, study_.mean());
    page_.table(head, lines);

    std::vector<std::size_t> shown;
    for (std::size_t k = 0; k < t_->classes.size(); ++k)
      if (half.classes[k].truths > 0) shown.push_back(k);
    constexpr std::size_t most = 20;
    std::stable_sort(shown.begin(), shown.end(),
                     [&](std::size_t a, std::size_t b) { return half.classes[a].truths > half.classes[b].truths; });
    if (shown.size() > most)
      page_.text(fmt::format("Precision over recall of the {} classes with the most objects, of {}.", most, shown.size()));
    shown.resize(std::min(shown.size(), most));
    std::sort(shown.begin(), shown.end());
    auto const chart = [&](frcnn::eval::voc_evaluation const& e) {
      std::vector<frcnn::viz::chart_series> curves;
      for (std::size_t const k : shown) curves.push_back(frcnn::viz::precision_recall_series(t_->classes[k], e.classes[k].curve));
      page_.chart(frcnn::viz::precision_recall_options(fmt::format("Precision and recall at IoU {:.2g}", e.options.iou_threshold)), curves);
    };
    constexpr std::size_t half_and_three_quarters[] = {0, 5};  // of eval::recall_thresholds
    for (std::size_t const at : half_and_three_quarters) chart(study_.at[at]);
    page_.folded("Precision and recall at the other IoUs", [&] {
      for (std::size_t at = 0; at < study_.at.size(); ++at)
        if (std::ranges::find(half_and_three_quarters, at) == std::end(half_and_three_quarters)) chart(study_.at[at]);
    });
  }

  void coco_numbers() {
    rows lines;
    auto const& o = t_->coco->options;
    for (auto const& n : frcnn::eval::coco_numbers(*t_->coco))
      lines.push_back(
          {fmt::format("{} at IoU {:.2f}{}, area {}, at most {} detections", n.recall ? "AR" : "AP", n.first_iou,
                       n.first_iou == n.last_iou ? "" : fmt::format(" to {:.2f}", n.last_iou), o.areas[n.area].name, o.limits[n.limit]),
           fmt::format("{:.3f}", n.value)});
    page_.table({"COCO's numbers", "value"}, lines);
  }

  void sizes() {
    auto const& e = t_->coco ? *t_->coco : study_.sizes;
    page_.heading("AP by size of object");
    page_.text(
        "COCO's average precision over an IoU of 0.5 to 0.95: small objects have an area of at most 32 x 32 pixels of the original "
        "image, medium ones of at most 96 x 96. Behind it how many objects there are.");
    std::map<std::int64_t, std::string> of_id;
    if (t_->coco)
      for (auto const& c : t_->set.coco->categories) of_id[c.id] = c.name;
    names head{"class"};
    for (auto const& area : e.options.areas) head.push_back(area.name), head.push_back("objects");
    rows lines;
    std::size_t const A = e.options.areas.size();
    for (std::size_t k = 0; k <= e.categories.size(); ++k) {
      bool const all = k == e.categories.size();
      lines.push_back({all ? "all classes" : t_->coco ? of_id[e.categories[k]] : t_->classes[k]});
      for (std::size_t a = 0; a < A; ++a) {
        std::size_t objects = 0;
        for (std::size_t c = 0; c < e.categories.size(); ++c)
          if (all || c == k) objects += e.objects[c * A + a];
        lines.back().push_back(ap_text(frcnn::eval::coco_ap(e, {all ? std::nullopt : std::optional(k), {}, {}, a})));
        lines.back().push_back(std::to_string(objects));
      }
    }
    page_.table(head, lines);
  }

  void thresholds() {
    page_.heading("A score threshold for each class");
    page_.text(
        "Detections above it have the best F1, the harmonic mean of precision and recall, at an IoU of 0.5. On images that the test "
        "has not seen another one may be better.");
    rows lines;
    for (std::size_t k = 0; k < t_->classes.size(); ++k) {
      if (auto const& t = study_.thresholds[k])
        lines.push_back({t_->classes[k], fmt::format("{}", t->score), ap_text(t->f1), ap_text(t->precision), ap_text(t->recall)});
      else lines.push_back({t_->classes[k], "none", "n/a", "n/a", "n/a"});
    }
    page_.table({"class", "threshold", "F1", "precision", "recall"}, lines);
  }

  void confusion() {
    page_.heading("Which classes are taken for which");
    page_.text(
        "Objects by the detections above these thresholds that found them, at an IoU of 0.5 (0.5 is the threshold of a class that has "
        "none). Background as an object: nothing is there, or it was found before. As a detection: the object was missed.");
    auto const& m = study_.confusion;
    constexpr int most_classes = 60;
    auto const name = [&](int label) { return label == 0 ? std::string("background") : t_->classes[static_cast<std::size_t>(label - 1)]; };
    std::vector<int> order(t_->classes.size() + 1, 0);  // background last
    for (std::size_t k = 0; k < t_->classes.size(); ++k) order[k] = static_cast<int>(k) + 1;
    if (m.classes <= most_classes) {
      names all;
      std::vector<std::size_t> counts;
      for (int const object : order) {
        all.push_back(name(object));
        for (int const found : order) counts.push_back(m(object, found));
      }
      page_.matrix("object, found as", all, all, counts);
      return;
    }
    std::vector<std::array<std::size_t, 3>> wrong;
    for (int const object : order)
      for (int const found : order)
        if (object != found && m(object, found) > 0)
          wrong.push_back({m(object, found), static_cast<std::size_t>(object), static_cast<std::size_t>(found)});
    std::stable_sort(wrong.begin(), wrong.end(), [](auto const& a, auto const& b) { return a[0] > b[0]; });
    wrong.resize(std::min<std::size_t>(wrong.size(), 50));
    rows lines;
    for (auto const& w : wrong) lines.push_back({name(static_cast<int>(w[1])), name(static_cast<int>(w[2])), std::to_string(w[0])});
    page_.text(fmt::format("The most frequent ones of {} classes.", m.classes));
    page_.table({"object", "found as", "times"}, lines);
  }

  void errors() {
    page_.heading("Kinds of errors, and the AP that each costs");
    page_.text(
        "As TIDE has them (Bolya et al., 2020), at an IoU of 0.5, of the best 100 detections of each image: what AP would gain if the "
        "errors of one kind were "
        "mended. Costs do not add up.");
    constexpr std::array<char const*, 6> meaning{
        "well placed, of the wrong class",         "of the right class, badly placed (IoU 0.1 to 0.5)",
        "of the wrong class and badly placed",     "on an object that a surer detection has found",
        "where no object is (IoU of at most 0.1)", "objects that no detection comes near"};
    rows lines;
    auto const& e = study_.errors;
    for (std::size_t k = 0; k < meaning.size(); ++k)
      lines.push_back({std::string(frcnn::eval::error_kind_names[k]), ap_text(e.cost[k]), std::to_string(e.count[k]), meaning[k]});
    lines.push_back({"all wrong detections", fmt::format("{:.4f}", e.false_positives), "", "if they scored less than every right one"});
    lines.push_back({"all objects not found", fmt::format("{:.4f}", e.false_negatives), "", "if they did not count"});
    page_.table({"kind", "AP it costs", "errors", "what it is"}, lines, 3);
    page_.text("AP as TIDE computes it (101 recalls): " + frcnn::eval::format_ap(e.ap) + ".");
  }

  void recall() {
    if (t_->recall.over.empty()) return;
    page_.heading("Recall over proposals");
    page_.text(fmt::format("Share of the objects that one of the first N proposals covers, on {} of {} test images{}.", t_->recall.images,
                           t_->set.size(), t_->recall.images < t_->set.size() ? ", spread over the test data" : ""));
    frcnn::viz::chart_series half{.name = "IoU 0.5"}, tight{.name = "IoU 0.7"}, average{.name = "average of 0.5 to 0.95"};
    rows lines;
    for (auto const& r : t_->recall.over) {
      for (auto const& [series, value] : {std::pair{&half, r.recall[0]}, {&tight, r.recall[4]}, {&average, r.average}})
        series->x.push_back(r.limit), series->y.push_back(value);
      lines.push_back({std::to_string(r.limit), ap_text(r.recall[0]), ap_text(r.recall[4]), ap_text(r.average)});
    }
    page_.chart({.title = "Recall over proposals", .x_label = "proposals", .y_label = "recall", .y = {0, 1}},
                std::vector{half, tight, average});
    page_.table({"proposals", "IoU 0.5", "IoU 0.7", "average of 0.5 to 0.95"}, lines);
  }

  void pictures() {
    constexpr std::size_t most = 30, most_bytes = 3'000'000;
    constexpr int side = 480;
    std::vector<frcnn::viz::html_picture> list;
    std::size_t bytes = 0, unread = 0;
    for (auto const& m : study_.worst) {
      if (list.size() == most || bytes >= most_bytes) break;
      stop_if_interrupted();
      auto const& sample = t_->set.samples[m.image];
      if (!fault_of([&] { list.push_back(picture(m, sample, side)); }).empty()) ++unread;
      else bytes += list.back().bytes.size();
    }
    page_.heading("The images with the most mistakes");
    page_.text(
        fmt::format("Mistakes at the thresholds above: {} of {} images have one. Detections solid, objects dashed, difficult ones "
                    "dotted.",
                    study_.worst.size(), t_->set.size()));
    if (unread) page_.warning(fmt::format("{} of them could not be read any more.", unread));
    if (!list.empty()) page_.pictures(list);
  }

  frcnn::viz::html_picture picture(frcnn::eval::image_mistakes const& m, frcnn::data::sample const& sample, int side) const {
    frcnn::image const whole = frcnn::viz::picture_of(frcnn::data::read_image(sample, t_->set.layout));
    float const width = static_cast<float>(whole.width), height = static_cast<float>(whole.height);
    frcnn::image im = shrunk(whole, side);
    float const sx = static_cast<float>(im.width) / width, sy = static_cast<float>(im.height) / height;
    auto const scaled = [&](auto boxes) {
      for (auto& b : boxes) b.where = {b.where.x1 * sx, b.where.y1 * sy, b.where.x2 * sx, b.where.y2 * sy};
      return boxes;
    };
    auto sure = t_->found[m.image];
    std::erase_if(sure, [&](auto const& d) { return !(d.score > study_.scores[static_cast<std::size_t>(d.label - 1)]); });
    frcnn::viz::draw_truth(im, scaled(t_->truth[m.image]), t_->classes);
    frcnn::viz::draw_detections(im, scaled(sure), t_->classes, {.text_scale = 1});
    return {frcnn::data::encode_jpeg(im, 80), "image/jpeg", fmt::format("{}: {} wrong, {} missed", sample.id, m.wrong, m.missed)};
  }

  void curves() {
    page_.heading("Training");
    std::optional<metric_series> read;
    if (auto const fault = fault_of([&] { read.emplace(facts_.metrics); }); !fault.empty()) return page_.warning(fault);
    auto const& metrics = *read;
    for (auto const& panel : training_panels(metrics)) page_.chart(panel.options, panel.series);
    rows lines;
    for (auto const& field : metrics.fields()) {
      auto const s = metrics.of(field, field, 0);
      auto const at = [&](std::size_t k) { return fmt::format("{:.5g} (step {})", s.y[k], s.x[k]); };
      auto const least = static_cast<std::size_t>(std::min_element(s.y.begin(), s.y.end()) - s.y.begin());
      auto const most = static_cast<std::size_t>(std::max_element(s.y.begin(), s.y.end()) - s.y.begin());
      lines.push_back({field, at(0), at(least), at(most), at(s.y.size() - 1)});
    }
    page_.table({"metrics.jsonl", "first", "least", "greatest", "last"}, lines);
  }

  void data() {
    if (facts_.data.empty()) return;
    page_.heading("Data");
    auto const lines = frcnn::data::summary_rows(facts_.data);
    page_.table(lines.front(), {lines.begin() + 1, lines.end()});
    show(page_, facts_.of_data.list());
    for (auto const& line : facts_.anchors) page_.text(line);
  }

  void pairs(std::string const& title, std::vector<std::pair<std::string, std::string>> const& values) {
    if (values.empty()) return;
    page_.heading(title);
    rows lines;
    for (auto const& [name, value] : values)
      if (!value.empty()) lines.push_back({name, value});
    page_.table({"", "value"}, lines, 1);
  }

  int count(int frcnn::eval::class_ap::*of) const {
    int sum = 0;
    for (auto const& c : study_.at.front().classes) sum += c.*of;
    return sum;
  }

  run_facts const& facts_;
  frcnn::viz::html_page page_;
  tested const* t_;
  frcnn::eval::detection_study study_;
};

}  // namespace

void write_report(std::filesystem::path const& path, run_facts const& facts, tested const* t) {
  frcnn::io::write_file_atomically(path, report_writer(facts, t).page());
}

}  // namespace console
