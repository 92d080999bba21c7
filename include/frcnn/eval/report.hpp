#pragma once
// The lines in which programs say how good a detector is: one per class, the mean last.
//
// Example: classes RBC (0.8) and WBC (0.95) give
//   AP50 RBC 0.8000
//   AP50 WBC 0.9500
//   mAP50 0.8750
// The number after AP is the IoU threshold in percent. Four decimals; a value that is not there
// (NaN) reads n/a.
#include "frcnn/core/finite.hpp"
#include "frcnn/eval/proposal_recall.hpp"
#include "frcnn/eval/voc_ap.hpp"

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

// "recall@300 0.9800 ... average 0.6543": recall of N proposals at IoU 0.5, 0.55, ... 0.95 and their mean, a line per N.
inline std::string recall_report(std::span<proposal_recall const> results) {
  std::string text;
  for (proposal_recall const& r : results) {
    text += "recall@" + std::to_string(r.limit);
    for (double const v : r.recall) text += ' ' + format_ap(v);
    text += " average " + format_ap(r.average) + '\n';
  }
  return text;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
