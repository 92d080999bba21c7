#pragma once
// From the head's outputs to detections (Fast R-CNN, section 2.3; the releases' test code).
//
//   R  RoIs per image (capacity), K classes without background, S = N*K segments, D = hits' capacity
//   logits [N*R, K+1], deltas [N*R, 4(K+1)];  hits [N, D] by descending score, boxes in pixels of the original image
//
// 1. probabilities: softmax over classes, background included
// 2. per RoI and class: decode, clip (under caffe in original pixels, under torchvision in the network's), drop scores at or below
//    thresholds.score and boxes with a short side
// 3. per class, sort and non-maximum suppression at thresholds.nms
// 4. over all classes, the D highest; boxes in original pixels
#include "frcnn/concepts/batch.hpp"
#include "frcnn/concepts/roi_head.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/ops/nms.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

namespace detail {

template <Real T, Backend B>
struct softmax_row {
  view<T const, 2, B> logits;
  view<T, 2, B> p;
  FRCNN_HD void operator()(std::size_t r) const {
    int const classes = logits.dims[1];
    T const* const z = logits.data + r * classes;
    T* const out = p.data + r * classes;
    T top = z[0], sum = T(0);
    for (int k = 1; k < classes; ++k) top = z[k] > top ? z[k] : top;
    for (int k = 0; k < classes; ++k) sum += out[k] = std::exp(z[k] - top);
    for (int k = 0; k < classes; ++k) out[k] /= sum;
  }
};

template <class Rules, class Coder, Real T, Backend B>
struct refined_boxes {
  Coder coder;
  view<image_info<T> const, 1, B> info;
  counted<box<T> const, 2, B> rois;
  view<T const, 2, B> deltas;
  int classes;  // with background
  FRCNN_HD box<T> at(int n, int r, int k) const {
    T const* d = deltas.data + ((static_cast<std::size_t>(n) * rois.rows.dims[1] + r) * classes + k) * 4;
    delta<T> const by{d[0], d[1], d[2], d[3]};
    auto const& im = info.data[n];
    box<T> const roi = rois.rows(n, r);
    if constexpr (Rules::decodes_in_original_pixels)
      return Rules::clip(coder.decode(Rules::unscale_box(roi, im.sx, im.sy), by), im.h0, im.w0);
    else return Rules::clip(coder.decode(roi, by), im.h, im.w);
  }
  FRCNN_HD box<T> original(int n, box<T> const& b) const {
    if constexpr (Rules::decodes_in_original_pixels) return b;
    else return Rules::unscale_box(b, info.data[n].sx, info.data[n].sy);
  }
};

// ops::suppress_above with the threshold of the call.
template <class Rules, Real T>
struct suppress_hit {
  detect_thresholds const* thresholds;
  FRCNN_HD bool operator()(T iou) const { return Rules::suppresses(iou, static_cast<T>(thresholds->nms)); }
};

// keys [S, R]
template <class Boxes, class Rules, Real T, Backend B>
struct score_hits {
  Boxes boxes;
  view<T const, 2, B> p;  // [N*R, K+1]
  detect_thresholds const* thresholds;
  view<T, 2, B> keys;
  FRCNN_HD void operator()(std::size_t at) const {
    int const r_count = keys.dims[1], s = static_cast<int>(at / r_count), r = static_cast<int>(at % r_count);
    int const classes = boxes.classes - 1, n = s / classes, k = s % classes + 1;
    keys.data[at] = dead_key<T>;
    if (r >= boxes.rois.count.data[n]) return;
    T const score = p(static_cast<std::size_t>(n) * r_count + r, k);
    if (score > static_cast<T>(thresholds->score) && Rules::wide_enough(boxes.at(n, r, k), Rules::template detection_min_side<T>()))
      keys.data[at] = score;
  }
};

template <class Boxes, Real T, Backend B>
struct gather_hits {
  Boxes boxes;
  view<std::int32_t const, 2, B> order;  // [S, R]
  view<box<T>, 2, B> sorted;
  FRCNN_HD void operator()(std::size_t at) const {
    int const s = static_cast<int>(at / order.dims[1]), classes = boxes.classes - 1;
    sorted.data[at] = order.data[at] < 0 ? box<T>{} : boxes.at(s / classes, order.data[at], s % classes + 1);
  }
};

// merged [N, K*M], at most M survivors per class
template <Real T, Backend B>
struct merge_hits {
  view<T const, 2, B> keys;
  view<std::int32_t const, 2, B> order;
  counted<std::int32_t const, 2, B> survivors;  // [S, M]
  view<T, 2, B> merged;
  FRCNN_HD void operator()(std::size_t at) const {
    int const m = survivors.rows.dims[1], s = static_cast<int>(at / m);
    merged.data[at] = static_cast<int>(at % m) < survivors.count.data[s] ? keys(s, order(s, survivors.rows.data[at])) : dead_key<T>;
  }
};

template <class Boxes, Real T, Backend B>
struct report_hits {
  Boxes boxes;
  view<T const, 2, B> merged;
  view<std::int32_t const, 2, B> top;        // [N, D] into [K*M]
  view<std::int32_t const, 2, B> survivors;  // [S, M]
  view<box<T> const, 2, B> sorted;           // [S, R]
  view<scored_box<T>, 2, B> hits;
  FRCNN_HD void operator()(std::size_t at) const {
    int const n = static_cast<int>(at / top.dims[1]), j = top.data[at], m = survivors.dims[1], classes = boxes.classes - 1;
    hits.data[at] = {};
    if (j < 0) return;
    int const s = n * classes + j / m;
    hits.data[at] = {boxes.original(n, sorted(s, survivors(s, j % m))), merged(n, j), j / m + 1};
  }
};

}  // namespace detail

template <class Rules, class Coder, Real T, Backend B>
void postprocess(typename B::context& c, Coder const& coder, view<image_info<T> const, 1, B> info, counted<box<T> const, 2, B> rois,
                 view<T const, 2, B> logits, view<T const, 2, B> deltas, view<detect_thresholds const, 1, B> thresholds,
                 counted<scored_box<T>, 2, B> hits) {
  typename B::context::frame scope(c);
  using boxes_type = detail::refined_boxes<Rules, Coder, T, B>;
  int const n = rois.rows.dims[0], r = rois.rows.dims[1], classes = logits.dims[1], s = n * (classes - 1), d = hits.rows.dims[1];
  int const m = d < r ? d : r;  // no class reports more than the image may
  boxes_type const boxes{coder, info, rois, deltas, classes};

  auto p = scratch<T, B>(c, logits.dims);
  exec<B>::for_each(c, static_cast<std::size_t>(logits.dims[0]), detail::softmax_row<T, B>{logits, p});  // 1

  auto keys = scratch<T, B>(c, shape<2>{{s, r}});
  auto order = scratch<std::int32_t, B>(c, keys.dims);
  auto sorted = scratch_counted<box<T>, B>(c, s, r);
  auto survivors = scratch_counted<std::int32_t, B>(c, s, m);
  exec<B>::for_each(c, keys.size(), detail::score_hits<boxes_type, Rules, T, B>{boxes, p, thresholds.data, keys});  // 2
  exec<B>::segmented_sort(c, view<T const, 2, B>(keys), order, sorted.count);                                       // 3
  exec<B>::for_each(c, order.size(), detail::gather_hits<boxes_type, T, B>{boxes, order, sorted.rows});
  exec<B>::nms_sweep(c, counted<box<T> const, 2, B>(sorted), detail::suppress_hit<Rules, T>{thresholds.data}, survivors);

  auto merged = scratch<T, B>(c, shape<2>{{n, (classes - 1) * m}});
  auto top = scratch<std::int32_t, B>(c, shape<2>{{n, d}});
  exec<B>::for_each(c, merged.size(), detail::merge_hits<T, B>{keys, order, survivors, merged});  // 4
  exec<B>::segmented_sort(c, view<T const, 2, B>(merged), top, hits.count);
  exec<B>::for_each(c, top.size(), detail::report_hits<boxes_type, T, B>{boxes, merged, top, survivors.rows, sorted.rows, hits.rows});
}

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
