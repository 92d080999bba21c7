#pragma once
// COCO's evaluation of lists of detections and objects, as eval/voc_ap.hpp takes them: AP by size of object for data in any layout.
//
// Image i has the id i + 1, and label k is category k. An object's area is its box's. A difficult object is COCO's crowd: never looked for,
// and what lies in it is ignored.
//
// Example: coco_ap(evaluate_coco(found, truths, 3), {.area = 1}) is the AP of objects under 32 x 32 pixels; -1: there are none
#include "frcnn/eval/coco_ap.hpp"
#include "frcnn/eval/voc_ap.hpp"

#include <numeric>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

// Lists: one per image, in the same order. Throws error for what evaluate_voc and evaluate_coco refuse.
inline coco_evaluation evaluate_coco(std::span<std::vector<detection> const> detections, std::span<std::vector<truth_box> const> truths,
                                     int classes, coco_options const& options = {}) {
  detail::check_lists("evaluate_coco", detections, truths, classes);
  std::vector<std::int64_t> images(truths.size()), categories(static_cast<std::size_t>(classes));
  std::iota(images.begin(), images.end(), std::int64_t{1});
  std::iota(categories.begin(), categories.end(), std::int64_t{1});
  std::vector<io::coco_annotation> objects;
  std::vector<io::coco_result> results;
  for (std::size_t i = 0; i < truths.size(); ++i) {
    for (truth_box const& t : truths[i]) {
      auto const where = coco_box_of(t.where);
      objects.push_back({static_cast<std::int64_t>(objects.size()) + 1, images[i], t.label, where, where.area(), t.difficult, false});
    }
    for (detection const& d : detections[i]) results.push_back({images[i], d.label, coco_box_of(d.where), d.score});
  }
  return evaluate_coco(images, categories, objects, results, options);
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
