#pragma once
// Rules that both conventions share: with half-open boxes the "+1" of the authors' release disappears from them.
// Sections are the paper's.
#include "frcnn/core/finite.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/geometry/box_coder.hpp"
#include "frcnn/geometry/phase.hpp"
#include "frcnn/geometry/proposal_limits.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <cmath>
#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::conventions {

// How the RPN scores: one logit per anchor, or two (background, object) over which a softmax runs.
enum class objectness_kind : std::uint8_t { sigmoid, softmax };

struct agreed {
  // Mirror image in an image `width` pixels wide. Inclusive x1' = W - x2 - 1 is the half-open x1' = W - x2.
  template <class T>
  FRCNN_HD static constexpr box<T> flip_box(box<T> const& b, T width) {
    return {width - b.x2, b.y1, width - b.x1, b.y2};
  }

  // Anchor targets (section 3.1.2). The paper has > .7; both releases have >=. Beside these, the best anchors of each box, ties
  // included, are positive; the box that an anchor learns is its own best one.
  static constexpr double rpn_positive_iou = 0.7, rpn_negative_iou = 0.3;
  static constexpr int rpn_batch = 256;
  static constexpr double rpn_positive_fraction = 0.5;
  template <class T>
  FRCNN_HD static constexpr bool is_positive_anchor(T max_iou, T threshold) {
    return max_iou >= threshold;
  }
  template <class T>
  FRCNN_HD static constexpr bool is_negative_anchor(T max_iou, T threshold) {
    return max_iou < threshold;
  }
  // Smooth L1 in the form .5 d^2 / beta below beta, |d| - .5 beta above; the release's sigma = 3 is beta = 1 / sigma^2.
  template <class T>
  FRCNN_HD static constexpr T rpn_beta() {
    return T(1) / T(9);
  }

  // Proposals (section 3.1 and 3.3): a box stays when both sides are at least `min`; NaN does not stay.
  static constexpr double nms_iou = 0.7;
  template <class T>
  FRCNN_HD static constexpr bool wide_enough(box<T> const& b, T min) {
    bool const numbers =
        !is_nan(b.x1) && !is_nan(b.y1) && !is_nan(b.x2) && !is_nan(b.y2);  // widths of NaN fail by themselves but in -ffast-math
    return numbers && b.width() >= min && b.height() >= min;
  }
  template <class T>
  FRCNN_HD static constexpr bool suppresses(T iou, T threshold) {  // threshold: nms_threshold
    return iou > threshold;
  }

  // RoI sampling (Fast R-CNN, section 2.3): IoU in [foreground, 1] is foreground, in [low, high) background. low = 0 is what both
  // releases have now. The paper's VOC numbers and the authors' published VOC weights have low = .1.
  static constexpr double roi_foreground_fraction = 0.25, roi_foreground_iou = 0.5, roi_background_low = 0, roi_background_high = 0.5;
  template <class T>
  FRCNN_HD static constexpr bool is_foreground(T max_iou, T threshold) {
    return max_iou >= threshold;
  }
  template <class T>
  FRCNN_HD static constexpr bool is_background(T max_iou, T low, T high) {
    return max_iou >= low && max_iou < high;
  }

  // Detections: a class is reported above this score, and at most so many boxes of an image.
  static constexpr double score_threshold = 0.05;
  static constexpr int max_detections = 100;

  // The solver decays biases as it decays weights.
  static constexpr double bias_decay_mult = 1;

  // Which of the maps with strides 2^lowest ... 2^highest a RoI reads, counted from 0: floor(4 + log2(sqrt(area) / 224) + 1e-6), clamped
  // (Feature Pyramid Networks, eq. 1; torchvision's epsilon). Example: 224 x 224 -> 2 (stride 16), 112 x 112 -> 1, no area -> 0. -1, none of
  // them, for a box whose area is negative or NaN.
  template <class T>
  FRCNN_HD static int map_level(box<T> const& b, int lowest = 2, int highest = 5) {
    using std::floor, std::log2, std::sqrt;
    T const area = b.area();
    if (is_nan(area) || area < T(0)) return -1;
    T const level = floor(T(4) + log2(sqrt(area) / T(224)) + T(1e-6));
    return (level >= T(highest) ? highest : level > T(lowest) ? static_cast<int>(level) : lowest) - lowest;
  }

 protected:
  template <class T>
  FRCNN_HD static constexpr T clamp(T v, T low, T high) {
    return v < low ? low : v > high ? high : v;  // NaN stays NaN, for wide_enough to find
  }
  // Bankers' rounding, as NumPy's, PyTorch's and OpenCV's (the default rounding mode is a precondition of the library).
  static double round_half_even(double v) { return std::nearbyint(v); }
};

}  // namespace frcnn::conventions
FRCNN_HIDDEN_END
