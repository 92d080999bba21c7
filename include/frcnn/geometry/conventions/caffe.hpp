#pragma once
// The authors' convention: py-faster-rcnn, in half-open boxes. Its inclusive corner x2 is our x2 - 1. Rows: conventions.hpp.
#include "frcnn/geometry/conventions/agreed.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::conventions {

struct caffe : agreed {
  static constexpr char const* name = "caffe";

  // Row 1 (lib/utils/blob.py; lib/roi_data_layer). One s for both axes; max_side is tested after rounding.
  static resize_plan resize(int w, int h, int short_side, int max_side) {
    double const shorter = w < h ? w : h, longer = w < h ? h : w;
    double s = short_side / shorter;
    if (round_half_even(s * longer) > max_side) s = max_side / longer;
    int const out_w = static_cast<int>(round_half_even(s * w)), out_h = static_cast<int>(round_half_even(s * h));
    return {out_w > 1 ? out_w : 1, out_h > 1 ? out_h : 1, s, s, 1 / s, 1 / s};
  }
  // original -> resized: the inclusive corner is multiplied. Of a box narrower than a pixel it is x1 (lib/datasets/coco.py), so that a box
  // that has an area has one after it.
  template <class T>
  FRCNN_HD static constexpr box<T> scale_box(box<T> const& b, T sx, T sy) {
    T const x2 = b.x2 - T(1) > b.x1 ? b.x2 - T(1) : b.x1, y2 = b.y2 - T(1) > b.y1 ? b.y2 - T(1) : b.y1;
    return {b.x1 * sx, b.y1 * sy, x2 * sx + T(1), y2 * sy + T(1)};
  }
  template <class T>
  FRCNN_HD static constexpr box<T> unscale_box(box<T> const& b, T sx, T sy) {
    return {b.x1 / sx, b.y1 / sy, (b.x2 - T(1)) / sx + T(1), (b.y2 - T(1)) / sy + T(1)};
  }
  static constexpr int size_divisor = 1;
  static constexpr bool flips_double_the_dataset = true;  // each epoch sees every image and its mirror image
  static constexpr bool pairs_by_orientation = true;      // a batch holds only wide images or only tall ones

  // Row 2 (lib/rpn/generate_anchors.py): the ratio's box of area 16^2 is rounded first, then multiplied; inclusive centre 7.5, half-open 8.
  // Example: 128, .5 -> 23 x 12 times 8 -> (-84, -40, 100, 56)
  static box<double> base_anchor(double size, double ratio) {
    double const w16 = round_half_even(std::sqrt(256 / ratio)), h16 = round_half_even(w16 * ratio);
    double const half_w = w16 * (size / 16) / 2, half_h = h16 * (size / 16) / 2;
    return {8 - half_w, 8 - half_h, 8 + half_w, 8 + half_h};
  }
  FRCNN_HD static constexpr int stride(int /*padded_extent*/, int /*map_extent*/, int nominal) { return nominal; }

  // Row 3 (lib/fast_rcnn/bbox_transform.py; TRAIN.BBOX_NORMALIZE_STDS .1, .1, .2, .2). Decoding forgets the -1 of the inclusive corner.
  using coder = box_coder;
  static constexpr coder rpn_coder() { return {.far_edge = 1}; }
  static constexpr coder head_coder() { return {.weight = {10, 10, 5, 5}, .far_edge = 1}; }
  // inclusive corners in [0, W-1]: a box outside keeps one pixel
  template <class T>
  FRCNN_HD static constexpr box<T> clip(box<T> const& b, T h, T w) {
    return {clamp(b.x1, T(0), w - T(1)), clamp(b.y1, T(0), h - T(1)), clamp(b.x2, T(1), w), clamp(b.y2, T(1), h)};
  }
  template <class T>
  using target_iou = double;  // in which IoU for targets is computed

  // Row 4 (lib/rpn/anchor_target_layer.py; section 3.3 of the paper)
  // inclusive x2 < W, which for whole pixels is half-open x2 <= W
  template <class T>
  FRCNN_HD static constexpr bool may_train(box<T> const& anchor, T h, T w) {
    return anchor.x1 >= T(0) && anchor.y1 >= T(0) && anchor.x2 < w + T(1) && anchor.y2 < h + T(1);
  }
  static constexpr bool learns_from_empty_images = false;

  // Row 5 (lib/rpn/proposal_layer.py). scale: resized / original, so that the side is 16 pixels of the original image.
  static constexpr objectness_kind objectness = objectness_kind::softmax;
  static constexpr bool filters_before_top_n = true;  // decode, clip, minimum side, sort, top N, NMS
  static constexpr bool selects_per_level = false;    // top N and NMS see all levels together
  template <class T>
  FRCNN_HD static constexpr T proposal_min_side(T scale) {
    return T(16) * scale;
  }
  // What suppresses() compares an IoU with (lib/nms): a threshold of the scalar.
  template <class T>
  static T nms_threshold(double told) {
    return static_cast<T>(told);
  }
  static constexpr proposal_limits limits(phase p) {
    return p == phase::train  ? proposal_limits{12000, 2000}
           : p == phase::test ? proposal_limits{6000, 300}
                              : proposal_limits{proposal_limits::unlimited, 2000};
  }

  // Row 6 (lib/rpn/proposal_target_layer.py)
  static constexpr int roi_batch = 128;

  // Row 7 (caffe's pooling and roi_pooling_layer)
  static constexpr bool ceil_pooling = true;
  static constexpr double roi_pool_end_offset = 1;

  // Row 8: sigma = 1 in the head
  template <class T>
  FRCNN_HD static constexpr T head_beta() {
    return T(1);
  }

  // Row 10: v = momentum v + lr g, w -= v
  static constexpr bool lr_inside_momentum = true;
  static constexpr double bias_lr_mult = 2;

  // Row 12 (lib/fast_rcnn/test.py): RoIs are unscaled, then decoded and clipped to the original image
  static constexpr bool decodes_in_original_pixels = true;
  static constexpr double nms_detect = 0.3;
  template <class T>
  FRCNN_HD static constexpr T detection_min_side() {
    return T(0);
  }
};

}  // namespace frcnn::conventions
FRCNN_HIDDEN_END
