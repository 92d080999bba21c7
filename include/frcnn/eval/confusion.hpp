#pragma once
// Which classes a detector takes for which: a matrix of objects by detections, background among both.
//
// Of each image, of the detections that score above their class's threshold, by descending score (equal scores: the order given):
// 1. as in eval/voc_ap.hpp: of the objects of its class a detection looks at the one it overlaps most. IoU > iou_threshold: a difficult
//    object makes it ignored, one that no detection has is found
// 2. of those that found nothing, each takes the object of another class that no detection has and that it overlaps most, if
//    IoU > iou_threshold: one class taken for another. A difficult object makes it ignored here, too
// 3. detections that are left are of the background, objects that are left are missed, difficult ones apart
//
//   outcomes[n]           of one image: {label of the object, label of the detection}; 0: background, that is no object, or none found
//   counts [C + 1, C + 1] objects by detections; row and column 0 are background's, counts(0, 0) is 0
//
// Invariant: counts(k, k) are the true positives of evaluate_voc on these detections; row k sums up to the objects of k that are not difficult.
// Example: an object of class 1 found as class 2, and nothing else: counts(1, 2) is 1, all others are 0
#include "frcnn/eval/voc_ap.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct confusion_outcome {
  std::int32_t object, found;
  bool right() const { return object == found; }
  bool operator==(confusion_outcome const&) const = default;
};

struct confusion_matrix {
  int classes = 0;
  std::vector<std::size_t> counts;  // [C + 1, C + 1]
  std::size_t operator()(std::int32_t object, std::int32_t found) const { return counts[at(object, found)]; }
  std::size_t at(std::int32_t object, std::int32_t found) const {
    return static_cast<std::size_t>(object) * (static_cast<std::size_t>(classes) + 1) + static_cast<std::size_t>(found);
  }
};

// thresholds[k]: of label k + 1, one for each class; labels lie within.
inline std::vector<confusion_outcome> confusions_of(std::span<detection const> found, std::span<truth_box const> truths,
                                                    std::span<float const> thresholds, double iou_threshold = 0.5) {
  std::vector<detection> sure;
  for (detection const& d : found)
    if (d.score > thresholds[static_cast<std::size_t>(d.label - 1)]) sure.push_back(d);
  std::stable_sort(sure.begin(), sure.end(), [](detection const& a, detection const& b) { return a.score > b.score; });

  std::vector<confusion_outcome> outcomes;
  std::vector<char> has(truths.size());
  // 1.
  std::vector<detection> left;
  for (detection const& d : sure) {
    auto const [g, overlap] = detail::most_overlapped(truths, d);
    if (!(overlap > iou_threshold)) left.push_back(d);
    else if (truths[g].difficult) continue;
    else if (has[g]) left.push_back(d);
    else has[g] = 1, outcomes.push_back({d.label, d.label});
  }
  // 2.
  for (detection const& d : left) {
    std::pair<std::size_t, float> best{0, -1};
    for (std::size_t g = 0; g < truths.size(); ++g)
      if (truths[g].label != d.label && !has[g])
        if (float const o = iou(truths[g].where, d.where); o > best.second) best = {g, o};
    if (!(best.second > iou_threshold)) {
      outcomes.push_back({0, d.label});
    } else if (!truths[best.first].difficult) {
      has[best.first] = 1;
      outcomes.push_back({truths[best.first].label, d.label});
    }
  }
  // 3.
  for (std::size_t g = 0; g < truths.size(); ++g)
    if (!truths[g].difficult && !has[g]) outcomes.push_back({truths[g].label, 0});
  return outcomes;
}

// Lists: one per image, in the same order. Throws error for what evaluate_voc refuses, and where there is not one threshold per class.
inline confusion_matrix confusions(std::span<std::vector<detection> const> detections, std::span<std::vector<truth_box> const> truths,
                                   std::span<float const> thresholds, double iou_threshold = 0.5) {
  int const classes = static_cast<int>(thresholds.size());
  detail::check_lists("confusions", detections, truths, classes);
  confusion_matrix m{classes, std::vector<std::size_t>((thresholds.size() + 1) * (thresholds.size() + 1))};
  for (std::size_t i = 0; i < truths.size(); ++i)
    for (auto const& o : confusions_of(detections[i], truths[i], thresholds, iou_threshold)) ++m.counts[m.at(o.object, o.found)];
  return m;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
