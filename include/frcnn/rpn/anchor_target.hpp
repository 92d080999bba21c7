#pragma once
// Anchor targets: which anchors the RPN learns from, and what (section 3.1.2 and 3.1.3).
//
//   K  anchors of one image (all levels, cells in row-major order, anchors of a cell innermost)
//   G  ground-truth boxes (capacity; the live count is on the device)
//
// 1. IoU of every anchor with every box; under caffe anchors that cross the image's border take no part
// 2. label 1: the best anchors of each box (all ties), and every anchor with IoU >= 0.7. An anchor regresses to the box it overlaps most,
//    even if another box made it positive
// 3. label 0: IoU < 0.3 with all boxes;  -1: everything between
// 4. a negative that lies on an ignore region (by at least half its area) becomes -1
// 5. sample 256 per image, at most half positive, negatives fill up; an anchor that is not drawn becomes -1
//
// Example: one box (0,0,16,16), anchors (0,0,16,16), (8,0,24,16), (32,32,48,48): IoU 1, 1/3, 0 -> labels 1, -1, 0
// Invariant: if an anchor that may be labelled overlaps a box, at least one label before sampling is 1.
// Both releases let a box that no anchor touches make every anchor positive (its best IoU is 0, and all tie with it). Here such a box is
// left out: that is a bug in both, not a rule of the paper.
#include "frcnn/concepts/anchor_scheme.hpp"
#include "frcnn/concepts/batch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/ops/sample.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::rpn {

struct anchor_target_options {
  double positive_iou, negative_iou;
  int batch;                 // anchors per image that enter the loss
  double positive_fraction;  // of them at most
  double ignore_overlap = 0.5;

  template <class Rules>
  static constexpr anchor_target_options of() {
    return {Rules::rpn_positive_iou, Rules::rpn_negative_iou, Rules::rpn_batch, Rules::rpn_positive_fraction};
  }
};

// The anchors of one batch as kernels see them: scheme, grid and padded size.
template <AnchorScheme Anchors>
struct placed_anchors {
  Anchors scheme;
  anchor_grid<Anchors::levels> grid;

  FRCNN_HD int count() const { return grid.cells * scheme.per_cell(); }
  template <class T>
  FRCNN_HD box<T> at(int index) const {
    return scheme.template at<T>(grid.cell_of(index, scheme.per_cell()));
  }
};

namespace detail {

// IoU as the convention computes it for targets.
template <class Rules, class T>
using target_iou = typename Rules::template target_iou<T>;
template <class Rules, class T>
FRCNN_HD target_iou<Rules, T> iou_for_targets(box<T> const& a, box<T> const& b) {
  using U = target_iou<Rules, T>;
  return iou(a.template as<U>(), b.template as<U>());
}

// IoU of anchor i with box s = n*G + g, below zero where either takes no part.
template <class Rules, class Anchors, Real T, Backend B>
struct overlap_with_box {
  using U = target_iou<Rules, T>;
  placed_anchors<Anchors> anchors;
  view<image_info<T> const, 1, B> info;
  truth<T, B> gt;
  FRCNN_HD U operator()(int s, int i) const {
    int const n = s / gt.capacity(), g = s % gt.capacity();
    if (g >= gt.boxes.count.data[n] || gt.label.data[s] <= 0) return U(-1);
    box<T> const a = anchors.template at<T>(i);
    return Rules::may_train(a, info.data[n].h, info.data[n].w) ? iou_for_targets<Rules>(a, gt.boxes.rows.data[s]) : U(-1);
  }
};
template <class T>
struct maximum {
  FRCNN_HD T operator()(T a, T b) const { return a > b ? a : b; }
};

template <class Rules, class Anchors, Real T, Backend B>
struct label_anchor {
  placed_anchors<Anchors> anchors;
  view<image_info<T> const, 1, B> info;
  truth<T, B> gt;
  using U = target_iou<Rules, T>;
  view<U const, 1, B> best_of_box;  // [N*G]
  U positive_iou, negative_iou;
  T ignore_overlap;
  view<std::int32_t, 2, B> label, match;  // [N, K]
  FRCNN_HD void operator()(std::size_t at) const {
    int const k_count = label.dims[1], n = static_cast<int>(at / k_count), i = static_cast<int>(at % k_count);
    box<T> const a = anchors.template at<T>(i);
    label.data[at] = -1;
    match.data[at] = 0;
    if (!Rules::may_train(a, info.data[n].h, info.data[n].w)) return;  // 1
    U best = U(0);
    bool is_best_of_a_box = false, on_ignored = false;
    int const capacity = gt.capacity();
    for (int g = 0; g < gt.boxes.count.data[n]; ++g) {
      int const s = n * capacity + g;
      box<T> const b = gt.boxes.rows.data[s];
      if (gt.label.data[s] <= 0) {
        on_ignored = on_ignored || intersection(a, b) >= ignore_overlap * a.area();
        continue;
      }
      U const v = iou_for_targets<Rules>(a, b);
      if (v > best) {
        best = v;
        match.data[at] = g;
      }
      is_best_of_a_box = is_best_of_a_box || (v > U(0) && v == best_of_box.data[s]);
    }
    if (is_best_of_a_box || Rules::is_positive_anchor(best, positive_iou)) label.data[at] = 1;     // 2
    else if (Rules::is_negative_anchor(best, negative_iou)) label.data[at] = on_ignored ? -1 : 0;  // 3, 4
  }
};

}  // namespace detail

// label, match: [N, K] int32. match is the index of the box an anchor overlaps most (0 where it overlaps none).
template <class Rules, AnchorScheme Anchors, Real T, Backend B>
void anchor_targets(typename B::context& c, placed_anchors<Anchors> const& anchors, view<image_info<T> const, 1, B> info, truth<T, B> gt,
                    view<std::uint64_t const, 1, B> id, rng<B> r, anchor_target_options const& o, view<std::int32_t, 2, B> label,
                    view<std::int32_t, 2, B> match) {
  typename B::context::frame scope(c);
  int const n = label.dims[0], k = label.dims[1], g = gt.capacity();
  using U = detail::target_iou<Rules, T>;
  auto best = scratch<U, B>(c, shape<1>{{n * g}});
  exec<B>::segmented_reduce(c, n * g, k, U(-1), detail::overlap_with_box<Rules, Anchors, T, B>{anchors, info, gt}, detail::maximum<U>{},
                            best);
  exec<B>::for_each(
      c, label.size(),
      detail::label_anchor<Rules, Anchors, T, B>{anchors, info, gt, best, static_cast<U>(o.positive_iou), static_cast<U>(o.negative_iou),
                                                 static_cast<T>(o.ignore_overlap), label, match});
  ops::sample_balanced<B>(c, label, id, r, draw::anchor_sample, static_cast<int>(o.batch * o.positive_fraction), o.batch);  // 5
}

}  // namespace frcnn::rpn
FRCNN_HIDDEN_END
