#pragma once
// How programs score detections: one metric option, one report on stdout, one warning for what cannot be scored.
#include "console.hpp"

#include <frcnn/eval.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace console {

class metric_argument {
 public:
  void add_to(CLI::App& app) {
    app.add_option("--metric", name_, "area (VOC2010) or voc07 (11 points)")
        ->capture_default_str()
        ->check(CLI::IsMember({"area", "voc07"}));
  }
  std::string const& name() const { return name_; }
  frcnn::eval::ap_options get() const { return {name_ == "area" ? frcnn::eval::ap_metric::area : frcnn::eval::ap_metric::voc07}; }

 private:
  std::string name_ = "area";
};

// truth without the objects of labels that are not judged, sorted.
inline std::vector<std::vector<frcnn::eval::truth_box>> judged_objects(std::span<std::vector<frcnn::eval::truth_box> const> truth,
                                                                       std::span<std::int32_t const> left_out) {
  std::vector<std::vector<frcnn::eval::truth_box>> judged(truth.begin(), truth.end());
  for (auto& objects : judged)
    std::erase_if(objects, [&](auto const& o) { return std::binary_search(left_out.begin(), left_out.end(), o.label); });
  return judged;
}

// One list per image of both; class_names[k] is label k + 1's. left_out: labels of classes that are not judged, of which no object is there.
inline frcnn::eval::voc_evaluation score(std::span<std::vector<frcnn::detection> const> found,
                                         std::span<std::vector<frcnn::eval::truth_box> const> truth,
                                         std::span<std::string const> class_names, metric_argument const& metric,
                                         std::span<std::int32_t const> left_out = {}) {
  auto result = frcnn::eval::evaluate_voc(found, truth, static_cast<int>(class_names.size()), metric.get());
  if (auto const sentence = frcnn::eval::classes_without_objects(result, class_names, left_out); !sentence.empty()) warn(sentence);
  return result;
}

// AP50 of each class, then mAP50: the last lines on stdout, there before anything else is done.
inline void print_scores(frcnn::eval::voc_evaluation const& result, std::span<std::string const> class_names) {
  fmt::print("{}", frcnn::eval::ap_report(result, class_names));
  std::fflush(stdout);
}

}  // namespace console
