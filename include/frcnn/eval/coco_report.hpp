#pragma once
// COCO's twelve numbers, in COCO's order and in the lines that pycocotools prints.
//
//   0 AP   1 AP at IoU .50   2 AP at IoU .75   3 to 5 AP of small, medium, large   6 to 8 AR at 1, 10, 100 detections   9 to 11 AR of small,
//   medium, large
// AP and the numbers by area are taken at the largest limit of detections, whatever it is (pycocotools says -1 for the first number where that
// is not 100). Other options give other numbers in the same order: an AR for each limit, an AP and an AR for each range of areas but the first.
// -1: nothing to say, such as an IoU that is not among the thresholds, or no objects of that area.
#include "frcnn/eval/coco_ap.hpp"
#include "frcnn/eval/report.hpp"

#include <charconv>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct coco_number {
  bool recall;  // AR, not AP
  double first_iou, last_iou;
  std::size_t area, limit;  // places in the options' lists
  double value;
};

inline std::vector<coco_number> coco_numbers(coco_evaluation const& e) {
  auto const& o = e.options;
  std::size_t const last = o.limits.size() - 1;
  double const from = o.iou_thresholds.front(), to = o.iou_thresholds.back();
  std::vector<coco_number> numbers{{false, from, to, 0, last, coco_ap(e)}};
  for (double const iou : {.5, .75}) {
    auto const at = std::find(o.iou_thresholds.begin(), o.iou_thresholds.end(), iou);
    coco_choice const choice{{}, static_cast<std::size_t>(at - o.iou_thresholds.begin()), {}, 0};
    numbers.push_back({false, iou, iou, 0, last, at == o.iou_thresholds.end() ? -1 : coco_ap(e, choice)});
  }
  for (std::size_t a = 1; a < o.areas.size(); ++a) numbers.push_back({false, from, to, a, last, coco_ap(e, {{}, {}, {}, a})});
  for (std::size_t m = 0; m <= last; ++m) numbers.push_back({true, from, to, 0, m, coco_ar(e, {{}, {}, m, 0})});
  for (std::size_t a = 1; a < o.areas.size(); ++a) numbers.push_back({true, from, to, a, last, coco_ar(e, {{}, {}, {}, a})});
  return numbers;
}

inline std::vector<double> coco_stats(coco_evaluation const& e) {
  std::vector<double> stats;
  for (auto const& n : coco_numbers(e)) stats.push_back(n.value);
  return stats;
}

// " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.693", a line for each number.
inline std::string coco_report(coco_evaluation const& e) {
  std::string text;
  auto const fixed = [](double v, int decimals) {
    char digits[400];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::fixed, decimals).ptr);
  };
  auto const padded = [](std::string const& word, std::size_t width) {
    return std::string(width - std::min(width, word.size()), ' ') + word;
  };
  for (auto const& n : coco_numbers(e)) {
    std::string iou = fixed(n.first_iou, 2) + (n.first_iou == n.last_iou ? "" : ":" + fixed(n.last_iou, 2));
    iou.resize(std::max<std::size_t>(9, iou.size()), ' ');
    text += std::string(" Average ") + (n.recall ? "Recall     (AR)" : "Precision  (AP)") + " @[ IoU=" + iou +
            " | area=" + padded(e.options.areas[n.area].name, 6) + " | maxDets=" + padded(std::to_string(e.options.limits[n.limit]), 3) +
            " ] = " + fixed(n.value, 3) + '\n';
  }
  return text;
}

// "AP person 0.5234", a line for each category at all thresholds; n/a: it has no objects. names[k] is the name of e.categories[k].
inline std::string coco_report_by_category(coco_evaluation const& e, std::span<std::string const> names) {
  if (names.size() != e.categories.size())
    throw error("coco_report", std::to_string(e.categories.size()) + " category names", std::to_string(names.size()));
  std::string text;
  for (std::size_t k = 0; k < names.size(); ++k) {
    double const ap = coco_ap(e, {k, {}, {}, 0});
    text += "AP " + names[k] + ' ' + format_ap(ap < 0 ? std::numeric_limits<double>::quiet_NaN() : ap) + '\n';
  }
  return text;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
