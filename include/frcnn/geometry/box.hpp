#pragma once
// Boxes, deltas (the regressed corrections of boxes), and detections.
//
// A box is half-open, in pixels: [x1, x2) x [y1, y2). The pixel in the corner of an image is the box (0, 0, 1, 1). This holds in memory,
// files, JSON and drawing; what "+1" there is belongs to conventions::caffe.
#include "frcnn/core/finite.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

template <class T>
struct box {
  T x1, y1, x2, y2;

  FRCNN_PER_BUILD FRCNN_HD constexpr T width() const { return x2 - x1; }
  FRCNN_PER_BUILD FRCNN_HD constexpr T height() const { return y2 - y1; }
  FRCNN_PER_BUILD FRCNN_HD constexpr T area() const { return width() * height(); }

  // Not FRCNN_PER_BUILD: nvcc 13 ignores that on a member template of a template, with a warning.
  template <class U>
  FRCNN_HD constexpr box<U> as() const {
    return {static_cast<U>(x1), static_cast<U>(y1), static_cast<U>(x2), static_cast<U>(y2)};
  }
  FRCNN_PER_BUILD FRCNN_HD friend constexpr bool operator==(box const& a, box const& b) {
    return a.x1 == b.x1 && a.y1 == b.y1 && a.x2 == b.x2 && a.y2 == b.y2;
  }
};

// The parametrised correction of eq. (2): dx, dy in units of the source box's size, dw, dh logarithms of ratios.
template <class T>
struct delta {
  T dx, dy, dw, dh;
};

// One result: where (pixels of the original image), how sure (a probability), what (0 is background and never reported).
template <class T>
struct scored_box {
  box<T> where;
  T score;
  std::int32_t label;

  FRCNN_PER_BUILD FRCNN_HD friend constexpr bool operator==(scored_box const& a, scored_box const& b) {
    return a.where == b.where && a.score == b.score && a.label == b.label;
  }
};
using detection = scored_box<float>;

// Whether all corners are.
template <std::floating_point T>
FRCNN_PER_BUILD constexpr bool is_finite(box<T> const& b) {
  return is_finite(b.x1) && is_finite(b.y1) && is_finite(b.x2) && is_finite(b.y2);
}

// "(10, 20, 30.5, 40)", for error messages.
template <class T>
FRCNN_PER_BUILD std::string to_string(box<T> const& b) {
  char corners[128];
  std::snprintf(corners, sizeof corners, "(%.6g, %.6g, %.6g, %.6g)", double(b.x1), double(b.y1), double(b.x2), double(b.y2));
  return corners;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
