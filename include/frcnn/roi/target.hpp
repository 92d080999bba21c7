#pragma once
// RoI targets: which regions the head learns from, and what (Fast R-CNN, section 2.3).
//
//   R  proposals per image (capacity)     G  truth boxes (capacity)     C = R + G candidates     Q  sampled RoIs per image (capacity)
//
// 1. candidates: the proposals, then the truth boxes
// 2. label: the class of the box it overlaps most where IoU >= 0.5; 0 (background) where IoU is in [low, high); -1 between and beyond
// 3. a background candidate that lies on an ignore region (by at least half its area) becomes -1
// 4. sample Q = 128, at most a quarter foreground, background fills up; the batch shrinks where there are too few
// 5. the drawn ones in the candidates' order, with label, encoded target (box to the truth box it overlaps most) and the row of their
//    proposal, by which gradients find their way back to it
//
// Gradients by proposals (exact joint training): the samples keep the row of their proposal, so drois of a head's backward are in the rows
// of the regions that targets() was given. They hold what the losses say through pooling (RoIAlign and RoI warping; RoIPool rounds, and has
// none) and through the regression targets.
//
// Example: truth (0,0,10,10) of class 2, proposals (0,0,10,9) and (20,20,30,30) -> labels 2, 0, and 2 for the truth box itself.
#include "frcnn/concepts/batch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/sample.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

struct target_options {
  int batch;  // Q, RoIs per image
  double foreground_fraction;
  double foreground_iou;                   // at least
  double background_low, background_high;  // [low, high)
  double ignore_overlap = 0.5;
  bool add_truth = true;  // truth boxes are candidates too

  template <class Rules>
  static constexpr target_options of() {
    return {Rules::roi_batch, Rules::roi_foreground_fraction, Rules::roi_foreground_iou, Rules::roi_background_low,
            Rules::roi_background_high};
  }
};

// The sampled RoIs of a batch: what the head pools and learns. Dead rows: box zero, label -1.
template <Real T, Backend B>
struct targets {
  counted<box<T>, 2, B> rois;      // [N, Q], pixels of the network's input
  view<std::int32_t, 2, B> label;  // [N, Q]: 0 background, 1..K class, -1 dead
  view<delta<T>, 2, B> target;     // [N, Q], encoded; zero where label <= 0
  // Where each came from, for gradients by proposals. Empty: not wanted.
  view<std::int32_t, 2, B> proposal{};  // [N, Q]: its row among the R proposals; -1 for a truth box and for dead rows
  view<box<T>, 2, B> truth{};           // [N, Q]: the truth box that target was encoded with
};

// How targets are normalised by class beyond what the coder does: mean and deviation [4(K+1)] each, class by class
// (roi/target_normalisation.hpp). Empty: not at all.
template <Real T, Backend B>
struct statistics_view {
  view<T const, 1, B> mean{}, deviation{};
  FRCNN_HD delta<T> normalised(delta<T> const& d, int label) const {
    if (!mean) return d;
    T const *const m = mean.data + 4 * label, *const s = deviation.data + 4 * label;
    return {(d.dx - m[0]) / s[0], (d.dy - m[1]) / s[1], (d.dw - m[2]) / s[2], (d.dh - m[3]) / s[3]};
  }
  // The gradient by a target, of that by the normalised one.
  FRCNN_HD delta<T> gradient(delta<T> const& d, int label) const {
    if (!mean) return d;
    T const* const s = deviation.data + 4 * label;
    return {d.dx / s[0], d.dy / s[1], d.dw / s[2], d.dh / s[3]};
  }
};

namespace detail {

template <Real T, Backend B>
struct candidates {
  counted<box<T> const, 2, B> rois;
  truth<T, B> gt;
  bool add_truth;
  FRCNN_HD int count() const { return rois.rows.dims[1] + gt.capacity(); }
  FRCNN_HD bool lives(int n, int j) const {
    int const r = rois.rows.dims[1];
    if (j < r) return j < rois.count.data[n];
    return add_truth && j - r < gt.boxes.count.data[n] && gt.label(n, j - r) > 0;
  }
  FRCNN_HD box<T> at(int n, int j) const {
    int const r = rois.rows.dims[1];
    return j < r ? rois.rows(n, j) : gt.boxes.rows(n, j - r);
  }
};

template <class Rules, Real T, Backend B>
struct label_candidate {
  candidates<T, B> from;
  target_options o;
  view<std::int32_t, 2, B> label, match;  // [N, C]
  FRCNN_HD void operator()(std::size_t at) const {
    using U = typename Rules::template target_iou<T>;
    int const n = static_cast<int>(at / label.dims[1]), j = static_cast<int>(at % label.dims[1]);
    label.data[at] = -1;
    match.data[at] = 0;
    if (!from.lives(n, j)) return;
    box<T> const b = from.at(n, j);
    U best = U(0);
    int label_of_best = 0;
    bool on_ignored = false;
    for (int g = 0; g < from.gt.boxes.count.data[n]; ++g) {
      box<T> const t = from.gt.boxes.rows(n, g);
      if (from.gt.label(n, g) <= 0) {
        on_ignored = on_ignored || intersection(b, t) >= static_cast<T>(o.ignore_overlap) * b.area();
        continue;
      }
      U const v = iou(b.template as<U>(), t.template as<U>());
      if (v > best) {
        best = v;
        match.data[at] = g;
        label_of_best = from.gt.label(n, g);
      }
    }
    if (label_of_best > 0 && Rules::is_foreground(best, static_cast<U>(o.foreground_iou))) label.data[at] = label_of_best;  // 2
    else if (Rules::is_background(best, static_cast<U>(o.background_low), static_cast<U>(o.background_high)))
      label.data[at] = on_ignored ? -1 : 0;  // 3
  }
};

template <Backend B>
struct is_drawn {
  view<std::int32_t const, 2, B> label;
  view<std::uint8_t, 2, B> flag;
  FRCNN_HD void operator()(std::size_t at) const { flag.data[at] = label.data[at] >= 0; }
};

template <class Coder, Real T, Backend B>
struct gather_target {
  candidates<T, B> from;
  Coder coder;
  view<std::int32_t const, 2, B> index;         // [N, Q]
  view<std::int32_t const, 2, B> label, match;  // [N, C]
  targets<T, B> out;
  FRCNN_HD void operator()(std::size_t at) const {
    int const n = static_cast<int>(at / index.dims[1]), j = index.data[at];
    out.rois.rows.data[at] = {};
    out.target.data[at] = {};
    out.label.data[at] = -1;
    if (out.proposal) out.proposal.data[at] = j < from.rois.rows.dims[1] ? j : -1;
    if (out.truth) out.truth.data[at] = {};
    if (j < 0) return;
    box<T> const b = from.at(n, j);
    out.rois.rows.data[at] = b;
    out.label.data[at] = label(n, j);
    if (label(n, j) <= 0) return;
    box<T> const to = from.gt.boxes.rows(n, match(n, j));
    out.target.data[at] = coder.encode(b, to);
    if (out.truth) out.truth.data[at] = to;
  }
};

// What a sampled RoI is told, to the row of its proposal, which is no other RoI's. `pooled`: by its features.
template <class Coder, Real T, Backend B>
struct return_to_proposal {
  Coder coder;
  targets<T, B> decided;
  statistics_view<T, B> by_class;
  view<box<T> const, 2, B> pooled;  // [N, Q]
  view<T const, 2, B> ddeltas;      // [N*Q, 4(K+1)]
  view<box<T>, 2, B> drois;         // [N, R]
  FRCNN_HD void operator()(std::size_t at) const {
    int const q = decided.label.dims[1], n = static_cast<int>(at / q), j = decided.proposal.data[at], u = decided.label.data[at];
    if (j < 0) return;
    box<T> d = pooled.data[at];
    if (u > 0) {  // the loss compares deltas with a target that moves with the RoI
      T const* const by = ddeltas.data + at * ddeltas.dims[1] + 4 * u;
      delta<T> const to_target = by_class.gradient({-by[0], -by[1], -by[2], -by[3]}, u);
      box<T> const e = coder.encode_vjp_from(decided.rois.rows.data[at], decided.truth.data[at], to_target);
      d = {d.x1 + e.x1, d.y1 + e.y1, d.x2 + e.x2, d.y2 + e.y2};
    }
    drois(n, j) = d;
  }
};

// The sampled RoI as its proposal is now.
template <class Coder, Real T, Backend B>
struct follow_proposal {
  Coder coder;
  targets<T, B> decided;
  statistics_view<T, B> by_class;
  counted<box<T> const, 2, B> rois;
  FRCNN_HD void operator()(std::size_t at) const {
    int const n = static_cast<int>(at / decided.label.dims[1]), j = decided.proposal.data[at];
    if (j < 0) return;
    box<T> const b = rois.rows(n, j);
    decided.rois.rows.data[at] = b;
    int const u = decided.label.data[at];
    if (u > 0) decided.target.data[at] = by_class.normalised(coder.encode(b, decided.truth.data[at]), u);
  }
};

}  // namespace detail

// The same sample on proposals that have moved: its RoIs, and the targets of those with an object. What was drawn and matched stays.
template <class Coder, Real T, Backend B>
void follow_proposals(typename B::context& c, Coder const& coder, counted<box<T> const, 2, B> rois, targets<T, B> decided,
                      statistics_view<T, B> by_class = {}) {
  exec<B>::for_each(c, decided.label.size(), detail::follow_proposal<Coder, T, B>{coder, decided, by_class, rois});
}

// d(loss)/d(corners) of the proposals [N, R] that roi_targets was given: what arrived at the sampled RoIs through their features, and
// through their targets. Zero for those that were not sampled.
template <class Coder, Real T, Backend B>
void gradients_of_proposals(typename B::context& c, Coder const& coder, targets<T, B> decided, view<box<T> const, 2, B> pooled,
                            view<T const, 2, B> ddeltas, view<box<T>, 2, B> drois, statistics_view<T, B> by_class = {}) {
  ops::clear<B>(c, drois.data, drois.size());
  exec<B>::for_each(c, decided.label.size(), detail::return_to_proposal<Coder, T, B>{coder, decided, by_class, pooled, ddeltas, drois});
}

template <class Rules, class Coder, Real T, Backend B>
void roi_targets(typename B::context& c, Coder const& coder, counted<box<T> const, 2, B> rois, truth<T, B> gt,
                 view<std::uint64_t const, 1, B> id, rng<B> r, target_options const& o, targets<T, B> out) {
  typename B::context::frame scope(c);
  detail::candidates<T, B> const from{rois, gt, o.add_truth};  // 1
  shape<2> const all{{rois.rows.dims[0], from.count()}};
  auto label = scratch<std::int32_t, B>(c, all), match = scratch<std::int32_t, B>(c, all);
  exec<B>::for_each(c, label.size(), detail::label_candidate<Rules, T, B>{from, o, label, match});
  ops::sample_balanced<B>(c, label, id, r, draw::roi_sample, static_cast<int>(o.batch * o.foreground_fraction), o.batch);  // 4
  auto flag = scratch<std::uint8_t, B>(c, all);
  auto index = scratch<std::int32_t, B>(c, out.label.dims);
  exec<B>::for_each(c, flag.size(), detail::is_drawn<B>{label, flag});
  exec<B>::select(c, view<std::uint8_t const, 2, B>(flag), index, out.rois.count);  // 5
  exec<B>::for_each(c, index.size(), detail::gather_target<Coder, T, B>{from, coder, index, label, match, out});
}

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
