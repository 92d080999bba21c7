#pragma once
// Intersection over union of half-open boxes.
//
// Example: iou({0,0,16,16}, {8,0,24,16}) == 128 / 384 == 1/3
// Invariant: iou is symmetric, 1 for a box of positive area with itself, 0 for boxes that do not meet or have no area.
#include "frcnn/geometry/box.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T>
FRCNN_HD constexpr T intersection(box<T> const& a, box<T> const& b) {
  T const x1 = a.x1 > b.x1 ? a.x1 : b.x1, y1 = a.y1 > b.y1 ? a.y1 : b.y1;
  T const x2 = a.x2 < b.x2 ? a.x2 : b.x2, y2 = a.y2 < b.y2 ? a.y2 : b.y2;
  T const w = x2 - x1, h = y2 - y1;
  return (w > T(0) ? w : T(0)) * (h > T(0) ? h : T(0));
}

template <class T>
FRCNN_HD constexpr T iou(box<T> const& a, box<T> const& b) {
  T const both = intersection(a, b), either = a.area() + b.area() - both;
  return both > T(0) ? both / either : T(0);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
