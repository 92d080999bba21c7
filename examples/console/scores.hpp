#pragma once
// How programs score detections: one metric option, one report on stdout, one warning for what cannot be scored.
#include "console.hpp"

#include <frcnn/eval/report.hpp>
#include <frcnn/eval/voc_ap.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace console {

class metric_argument {
 public:
  void add_to(CLI::App& app);
  std::string const& name() const { return name_; }
  frcnn::eval::ap_options get() const { return {name_ == "area" ? frcnn::eval::ap_metric::area : frcnn::eval::ap_metric::voc07}; }

 private:
  std::string name_ = "area";
};

// truth without the objects of labels that are not judged, sorted.
std::vector<std::vector<frcnn::eval::truth_box>> judged_objects(std::span<std::vector<frcnn::eval::truth_box> const> truth,
                                                                std::span<std::int32_t const> left_out);

// One list per image of both; class_names[k] is label k + 1's. left_out: labels of classes that are not judged, of which no object is there.
frcnn::eval::voc_evaluation score(std::span<std::vector<frcnn::detection> const> found,
                                  std::span<std::vector<frcnn::eval::truth_box> const> truth, std::span<std::string const> class_names,
                                  metric_argument const& metric, std::span<std::int32_t const> left_out = {});

// AP50 of each class, then mAP50: the last lines on stdout, there before anything else is done.
void print_scores(frcnn::eval::voc_evaluation const& result, std::span<std::string const> class_names);

}  // namespace console
