#pragma once
// All that is said of a detector from its detections and the truth: AP over IoU and by size of object, score thresholds, which classes are
// taken for which, kinds of errors, and the images with the most mistakes.
//
//   at          evaluate_voc at an IoU of .5, .55, .. .95 (recall_thresholds)      sizes    COCO's evaluation, for AP by size
//   thresholds  of each class, of the best F1 at an IoU of .5                      errors   kinds of errors and what each costs
//   confusion   at these thresholds; .5 where a class has none                     worst    images with mistakes at these thresholds
//
// An image's mistakes are the detections that are not right and the objects that are missed (eval/confusion.hpp); of equal numbers of them
// the image that comes first.
#include "frcnn/eval/coco_lists.hpp"
#include "frcnn/eval/confusion.hpp"
#include "frcnn/eval/error_kinds.hpp"
#include "frcnn/eval/proposal_recall.hpp"
#include "frcnn/eval/score_threshold.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct image_mistakes {
  std::size_t image = 0;
  int wrong = 0, missed = 0;  // detections, objects; an object found as another class is one of both
};

struct detection_study {
  std::vector<voc_evaluation> at;
  std::vector<std::optional<score_threshold>> thresholds;
  std::vector<float> scores;  // what was used: thresholds, and .5 where there is none
  confusion_matrix confusion;
  error_study errors;
  coco_evaluation sizes;
  std::vector<image_mistakes> worst;

  // Of a class over all IoU; NaN: it has no objects.
  double ap_of(std::size_t k) const {
    double sum = 0;
    for (auto const& e : at) sum += e.classes[k].ap;
    return sum / static_cast<double>(at.size());
  }
  double mean() const {
    double sum = 0;
    for (auto const& e : at) sum += e.mean;
    return sum / static_cast<double>(at.size());
  }
};

// Lists: one per image, in the same order. threads: of COCO's evaluation; 0: as many as there are cores. Throws error for what evaluate_voc
// refuses.
inline detection_study study_detections(std::span<std::vector<detection> const> detections, std::span<std::vector<truth_box> const> truths,
                                        int classes, ap_metric metric = ap_metric::area, int threads = 0) {
  detection_study s;
  for (double const iou : recall_thresholds) s.at.push_back(evaluate_voc(detections, truths, classes, {metric, iou}));
  for (auto const& c : s.at.front().classes) {
    s.thresholds.push_back(best_threshold(c));
    s.scores.push_back(s.thresholds.back() ? s.thresholds.back()->score : .5f);
  }
  s.confusion = confusions(detections, truths, s.scores);
  s.errors = study_errors(detections, truths, classes);
  s.sizes = evaluate_coco(detections, truths, classes, {.threads = threads});
  for (std::size_t i = 0; i < truths.size(); ++i) {
    image_mistakes m{i};
    for (auto const& o : confusions_of(detections[i], truths[i], s.scores))
      if (!o.right()) m.wrong += o.found > 0, m.missed += o.object > 0;
    if (m.wrong + m.missed > 0) s.worst.push_back(m);
  }
  std::stable_sort(s.worst.begin(), s.worst.end(),
                   [](image_mistakes const& a, image_mistakes const& b) { return a.wrong + a.missed > b.wrong + b.missed; });
  return s;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
