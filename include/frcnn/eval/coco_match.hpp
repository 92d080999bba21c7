#pragma once
// COCO's matching: which object each detection of one image and category finds, at every IoU threshold, for one range of areas.
//
//   D  detections, by descending score      G  objects, in the order of their file      T  IoU thresholds
//
// 1. an object is ignored if it is a crowd or its area lies outside of the range; an area on a border of it lies inside
// 2. objects that count come first, ignored ones after them, each in the order of the file
// 3. a detection takes the object of the highest IoU that is at least the threshold; of equals the *last*. An object that is taken is passed
//    over, a crowd is not. Once one that counts would do, ignored ones are not looked at
// 4. a detection that took an ignored object is ignored, and so is one that took none and whose own area (w * h) lies outside of the range
// The IoU with a crowd is the share of the detection that lies inside it. A threshold of 1 means 1 - 1e-10.
//
// With pycocotools_exact an object whose annotation has the id 0 is taken, and its detection counts as one that took nothing: pycocotools
// marks matches by that id.
//
// Example: objects (0,0,10,10) and (0,0,10,10) again, a detection there: it takes the second.
// Source: pycocotools 2.0.11, cocoeval.py, evaluateImg, and common/maskApi.c, bbIou. `ignore` without `iscrowd` means nothing there.
#include "frcnn/geometry/box.hpp"
#include "frcnn/io/coco_records.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct coco_area_range {
  std::string name;
  double least, most;
  bool leaves_out(double area) const { return area < least || area > most; }
};

inline io::coco_box coco_box_of(box<float> const& b) {
  auto const w = b.as<double>();
  return {w.x1, w.y1, w.width(), w.height()};
}

// In double, with the operations of pycocotools in their order. Of what does not overlap, or has no extent: 0.
inline double coco_iou(io::coco_box const& detection, io::coco_box const& object, bool crowd) {
  double const w = std::min(detection.w + detection.x, object.w + object.x) - std::max(detection.x, object.x);
  if (w <= 0) return 0;
  double const h = std::min(detection.h + detection.y, object.h + object.y) - std::max(detection.y, object.y);
  if (h <= 0) return 0;
  double const both = w * h, area = detection.w * detection.h;
  return both / (crowd ? area : area + object.w * object.h - both);
}

// Keeps its memory from one image to the next. set() takes an image and a category, match() a range of areas; what they find stays until
// the next call of match().
class coco_matcher {
 public:
  static constexpr std::int32_t none = -1;

  // The objects and detections at these places of the two arrays. The detections by descending score, no more than are evaluated.
  void set(std::span<io::coco_annotation const> objects, std::span<std::uint32_t const> object_at,
           std::span<io::coco_result const> detections, std::span<std::uint32_t const> detection_at) {
    objects_.clear();
    for (auto const at : object_at) objects_.push_back(&objects[at]);
    detection_areas_.clear();
    iou_.clear();
    best_ = 0;
    for (auto const at : detection_at) {
      auto const& where = detections[at].where;
      detection_areas_.push_back(where.area());
      for (auto const* o : objects_) best_ = std::max(best_, iou_.emplace_back(coco_iou(where, o->where, o->crowd)));
    }
  }

  void match(coco_area_range const& range, std::span<double const> thresholds, bool pycocotools_exact = false) {
    std::size_t const D = detection_areas_.size(), G = objects_.size(), T = thresholds.size();
    // 1.
    object_ignored_.resize(G);
    for (std::size_t g = 0; g < G; ++g) object_ignored_[g] = objects_[g]->crowd || range.leaves_out(objects_[g]->area);
    // 2.
    order_.clear();
    for (char const ignored : {0, 1})
      for (std::size_t g = 0; g < G; ++g)
        if (object_ignored_[g] == ignored) order_.push_back(g);
    object_.assign(T * D, none);
    detection_.assign(T * G, none);
    found_.assign(T * D, 0);
    ignored_.assign(T * D, 0);
    for (std::size_t t = 0; t < T; ++t)
      for (std::size_t d = 0; d < D; ++d) {
        // 3.
        double least = std::min(thresholds[t], 1 - 1e-10);
        std::int32_t taken = none;
        if (best_ >= least)
          for (std::size_t const g : order_) {
            if (detection_[t * G + g] != none && !objects_[g]->crowd) continue;
            if (taken != none && !object_ignored_[static_cast<std::size_t>(taken)] && object_ignored_[g]) break;
            if (iou_[d * G + g] < least) continue;
            least = iou_[d * G + g];
            taken = static_cast<std::int32_t>(g);
          }
        // 4.
        object_[t * D + d] = taken;
        bool found = taken != none;
        if (found) {
          auto const g = static_cast<std::size_t>(taken);
          detection_[t * G + g] = static_cast<std::int32_t>(d);
          ignored_[t * D + d] = object_ignored_[g];
          found = !(pycocotools_exact && objects_[g]->id == 0);
        }
        found_[t * D + d] = found;
        if (!found && range.leaves_out(detection_areas_[d])) ignored_[t * D + d] = 1;
      }
  }

  std::span<std::int32_t const> object_of_detection() const { return object_; }     // [T, D], `none`, or a place in 0..G-1
  std::span<std::int32_t const> detection_of_object() const { return detection_; }  // [T, G]; of a crowd the last that took it
  std::span<char const> object_ignored() const { return object_ignored_; }          // [G]
  std::span<char const> detection_found() const { return found_; }                  // [T, D]: it took an object, ignored ones included
  std::span<char const> detection_ignored() const { return ignored_; }              // [T, D]

 private:
  std::vector<io::coco_annotation const*> objects_;
  std::vector<double> detection_areas_, iou_;  // iou [D, G]
  double best_ = 0;                            // of iou_
  std::vector<std::size_t> order_;
  std::vector<std::int32_t> object_, detection_;
  std::vector<char> object_ignored_, found_, ignored_;
};

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
