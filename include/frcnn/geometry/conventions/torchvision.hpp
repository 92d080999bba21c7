#pragma once
// torchvision's convention: torchvision.models.detection, whose boxes are half-open too. Rows: conventions.hpp.
#include "frcnn/geometry/conventions/agreed.hpp"

#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::conventions {

struct torchvision : agreed {
  static constexpr char const* name = "torchvision";

  // Row 1 (transform.py in eager mode: the scale is a double; extents are truncated, so that 599 x 799 at 800 can lose a pixel). Boxes
  // and sampling follow the extents, not the scale.
  static resize_plan resize(int w, int h, int short_side, int max_side) {
    double const shorter = w < h ? w : h, longer = w < h ? h : w;
    double const by_short = short_side / shorter, by_long = max_side / longer, s = by_short < by_long ? by_short : by_long;
    int out_w = static_cast<int>(w * s), out_h = static_cast<int>(h * s);
    if (out_w < 1) out_w = 1;  // torchvision fails here
    if (out_h < 1) out_h = 1;
    return {out_w, out_h, double(out_w) / w, double(out_h) / h, double(w) / out_w, double(h) / out_h};
  }
  // original -> resized
  template <class T>
  FRCNN_HD static constexpr box<T> scale_box(box<T> const& b, T sx, T sy) {
    return {b.x1 * sx, b.y1 * sy, b.x2 * sx, b.y2 * sy};
  }
  template <class T>
  FRCNN_HD static constexpr box<T> unscale_box(box<T> const& b, T sx, T sy) {
    return {b.x1 / sx, b.y1 / sy, b.x2 / sx, b.y2 / sy};
  }
  static constexpr int size_divisor = 32;
  static constexpr bool flips_double_the_dataset = false;  // each image is mirrored with probability 1/2
  static constexpr bool pairs_by_orientation = false;

  // Row 2 (anchor_utils.py): half sides are rounded, half to even, computed in float as there so that ties fall alike.
  // Example: 128, .5 -> (-91, -45, 91, 45)
  static box<double> base_anchor(double size, double ratio) {
    float const h_ratio = std::sqrt(static_cast<float>(ratio)), w_ratio = 1 / h_ratio;
    double const half_w = round_half_even(w_ratio * static_cast<float>(size) / 2),
                 half_h = round_half_even(h_ratio * static_cast<float>(size) / 2);
    return {-half_w, -half_h, half_w, half_h};
  }
  FRCNN_HD static constexpr int stride(int padded_extent, int map_extent, int /*nominal*/) { return padded_extent / map_extent; }

  // Row 3 (_utils.py, BoxCoder; rpn.py and roi_heads.py for the weights)
  static constexpr double log_cap = 4.135166556742356;  // log(1000 / 16)
  using coder = box_coder;
  static constexpr coder rpn_coder() { return {.log_cap = log_cap}; }
  static constexpr coder head_coder() { return {.weight = {10, 10, 5, 5}, .log_cap = log_cap}; }
  template <class T>
  FRCNN_HD static constexpr box<T> clip(box<T> const& b, T h, T w) {
    return {clamp(b.x1, T(0), w), clamp(b.y1, T(0), h), clamp(b.x2, T(0), w), clamp(b.y2, T(0), h)};
  }
  template <class T>
  using target_iou = T;  // in which IoU for targets is computed

  // Row 4 (rpn.py, assign_targets_to_anchors)
  template <class T>
  FRCNN_HD static constexpr bool may_train(box<T> const& /*anchor*/, T /*h*/, T /*w*/) {
    return true;
  }
  static constexpr bool learns_from_empty_images = true;

  // Row 5 (rpn.py, filter_proposals)
  static constexpr objectness_kind objectness = objectness_kind::sigmoid;
  static constexpr bool filters_before_top_n = false;  // decode, top N, clip, minimum side, NMS
  static constexpr bool selects_per_level = true;      // top N and NMS within each level; the limit after NMS over all
  template <class T>
  FRCNN_HD static constexpr T proposal_min_side(T /*scale*/) {
    return T(1e-3);
  }
  // What suppresses() compares an IoU with (csrc/ops/cpu/nms_kernel.cpp): a float IoU is compared with a threshold in double there, which is
  // the same as with the largest float up to it. Example: float(3/10) is above .3 and float(7/10) below .7, so that at a threshold of 3/10
  // an IoU of 3/10 suppresses, and at 7/10 one of 7/10 does not.
  template <class T>
  static T nms_threshold(double told) {
    T const nearest = static_cast<T>(told);
    return static_cast<double>(nearest) > told ? std::nextafter(nearest, std::numeric_limits<T>::lowest()) : nearest;
  }
  // stage: torchvision knows no alternating training; the authors' limits
  static constexpr proposal_limits limits(phase p) {
    return p == phase::train  ? proposal_limits{2000, 2000}
           : p == phase::test ? proposal_limits{1000, 1000}
                              : proposal_limits{proposal_limits::unlimited, 2000};
  }

  // Row 6 (faster_rcnn.py, box_batch_size_per_image)
  static constexpr int roi_batch = 512;

  // Row 7 (PyTorch's pooling; ops/roi_pool)
  static constexpr bool ceil_pooling = false;
  static constexpr double roi_pool_end_offset = 0;

  // Row 8 (roi_heads.py, fastrcnn_loss)
  template <class T>
  FRCNN_HD static constexpr T head_beta() {
    return T(1) / T(9);
  }

  // Row 10 (torch.optim.SGD): v = momentum v + g, w -= lr v
  static constexpr bool lr_inside_momentum = false;
  static constexpr double bias_lr_mult = 1;

  // Row 12 (roi_heads.py, postprocess_detections; transform.py, postprocess)
  static constexpr bool decodes_in_original_pixels = false;
  static constexpr double nms_detect = 0.5;
  template <class T>
  FRCNN_HD static constexpr T detection_min_side() {
    return T(0.01);
  }
};

}  // namespace frcnn::conventions
FRCNN_HIDDEN_END
