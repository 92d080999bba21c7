#include "scores.hpp"

#include "options.hpp"

#include <frcnn/eval/report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace console {

void metric_argument::add_to(CLI::App& app) {
  app.add_option("--metric", name_, "area (VOC2010) or voc07 (11 points)")->capture_default_str()->check(one_of({"area", "voc07"}));
}

std::vector<std::vector<frcnn::eval::truth_box>> judged_objects(std::span<std::vector<frcnn::eval::truth_box> const> truth,
                                                                std::span<std::int32_t const> left_out) {
  std::vector<std::vector<frcnn::eval::truth_box>> judged(truth.begin(), truth.end());
  for (auto& objects : judged)
    std::erase_if(objects, [&](auto const& o) { return std::binary_search(left_out.begin(), left_out.end(), o.label); });
  return judged;
}

frcnn::eval::voc_evaluation score(std::span<std::vector<frcnn::detection> const> found,
                                  std::span<std::vector<frcnn::eval::truth_box> const> truth, std::span<std::string const> class_names,
                                  metric_argument const& metric, std::span<std::int32_t const> left_out) {
  auto result = frcnn::eval::evaluate_voc(found, truth, static_cast<int>(class_names.size()), metric.get());
  if (auto const sentence = frcnn::eval::classes_without_objects(result, class_names, left_out); !sentence.empty()) warn(sentence);
  return result;
}

void print_scores(frcnn::eval::voc_evaluation const& result, std::span<std::string const> class_names) {
  fmt::print("{}", frcnn::eval::ap_report(result, class_names));
  std::fflush(stdout);
}

}  // namespace console
