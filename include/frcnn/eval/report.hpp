#pragma once
// The text report of an evaluation: average precision in a line per class, the mean last.
//
// Example: classes RBC (0.8) and WBC (0.95) give
//   AP50 RBC 0.8000
//   AP50 WBC 0.9500
//   mAP50 0.8750
// The number after AP is the IoU threshold in percent. Four decimals; a value that is not there (NaN), such as the AP of a class without
// objects, reads n/a.
#include "frcnn/core/finite.hpp"
#include "frcnn/eval/proposal_recall.hpp"
#include "frcnn/eval/voc_ap.hpp"

#include <algorithm>
#include <charconv>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

// "0.8750" whatever the locale, "n/a" for NaN.
inline std::string format_ap(double value) {
  if (is_nan(value)) return "n/a";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 4).ptr};
}

// class_names[k] is label k + 1's. Throws error where there is not one name per class.
inline std::string ap_report(voc_evaluation const& evaluation, std::span<std::string const> class_names) {
  if (class_names.size() != evaluation.classes.size())
    throw error("ap_report", std::to_string(evaluation.classes.size()) + " class names", std::to_string(class_names.size()));
  std::string const ap = "AP" + std::to_string(std::lround(100 * evaluation.options.iou_threshold));
  std::string text;
  for (std::size_t k = 0; k < class_names.size(); ++k) text += ap + ' ' + class_names[k] + ' ' + format_ap(evaluation.classes[k].ap) + '\n';
  return text + 'm' + ap + ' ' + format_ap(evaluation.mean) + '\n';
}

// One sentence where classes have nothing to be found by; empty where all have. The mean is over the others. apart: labels of classes that
// the caller has left out, and says so.
inline std::string classes_without_objects(voc_evaluation const& evaluation, std::span<std::string const> class_names,
                                           std::span<std::int32_t const> apart = {}) {
  std::size_t count = 0, first = 0;
  for (std::size_t k = class_names.size(); k-- > 0;)
    if (evaluation.classes[k].truths == 0 && std::find(apart.begin(), apart.end(), static_cast<std::int32_t>(k + 1)) == apart.end())
      ++count, first = k;
  if (count == 0) return {};
  bool const difficult = evaluation.classes[first].difficult > 0;
  return std::to_string(count) + " of " + std::to_string(class_names.size()) + (count == 1 ? " classes has" : " classes have") +
         " no objects to find in this split: AP is n/a and not part of the mean; the first: " + class_names[first] +
         (difficult ? " (difficult ones alone)" : "");
}

// "recall@300 at IoU 0.50, 0.55, ... 0.95: 0.9800 ... average 0.6543": of the objects, how many one of the first 300 proposals covers at
// each of the ten thresholds, and the mean of the ten; a line per number of proposals.
inline std::string recall_report(std::span<proposal_recall const> results) {
  std::string text;
  for (proposal_recall const& r : results) {
    text += "recall@" + std::to_string(r.limit) + " at IoU 0.50, 0.55, ... 0.95:";
    for (double const v : r.recall) text += ' ' + format_ap(v);
    text += " average " + format_ap(r.average) + '\n';
  }
  return text;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
