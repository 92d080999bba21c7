#pragma once
// Proposals: the RPN's scored anchors to a short list of regions (section 3.3).
//
//   K anchors per image over all levels, Kl of level l
//   a group: the anchors of one level under torchvision, all of an image under caffe; S = N * groups segments
//   logits [N, M, A or 2A], deltas [N, M, 4A];  rois [N, limit.after_nms] by descending objectness, pixels of the network's input
//
// 1. under caffe: decode, clip, drop boxes with a short side, all before the sort; dropped anchors have no score
// 2. per group, the limit.before_nms highest logits
// 3. decode, clip to each image's own size in the padded batch; under torchvision drop boxes with a short side
// 4. per group, non-maximum suppression at 0.7, until limit.after_nms survive
// 5. over all groups, the limit.after_nms highest
// Equal scores keep the order of their anchors.
//
// In approximate joint training proposals are constants. For exact joint training (section 3.2, iii) `anchor` [N, limit.after_nms] says
// which anchor each came from, -1 for dead rows, and add_gradients takes d(loss)/d(corners) on to that anchor's deltas: through the clip (0
// for a coordinate that was clipped) and decode (0 for a side at its cap). Which anchors are proposed is a constant all the same;
// decode_proposals gives the boxes of the same ones from other deltas.
#include "frcnn/ops/nms.hpp"
#include "frcnn/rpn/loss.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::rpn {

struct proposal_options {
  proposal_limits limit;
  double nms_iou;
};

namespace detail {

template <class Rules, class Coder, class Anchors, Real T, Backend B>
struct proposal_source {
  static constexpr int group_count = Rules::selects_per_level ? Anchors::levels : 1;
  struct range {
    int first, count;
  };
  placed_anchors<Anchors> anchors;
  Coder coder;
  view<image_info<T> const, 1, B> info;
  view<T const, 3, B> logits, deltas;

  // The anchors of group l.
  FRCNN_HD range group(int l) const {
    if constexpr (group_count == 1) return {0, anchors.count()};
    auto const& g = anchors.grid.level[l];
    int const a = anchors.scheme.per_cell();
    return {g.first * a, g.h * g.w * a};
  }
  FRCNN_HD std::size_t row(int n, int i) const { return (static_cast<std::size_t>(n) * anchors.count() + i) * 4; }
  FRCNN_HD delta<T> delta_of(int n, int i) const {
    T const* d = deltas.data + row(n, i);
    return {d[0], d[1], d[2], d[3]};
  }
  FRCNN_HD box<T> decoded(int n, int i) const {  // 3: decoded and clipped
    auto const& im = info.data[n];
    return Rules::clip(coder.decode(anchors.template at<T>(i), delta_of(n, i)), im.h, im.w);
  }
  FRCNN_HD bool wide_enough(int n, box<T> const& b) const {
    return Rules::wide_enough(b, Rules::template proposal_min_side<T>(info.data[n].sx));
  }
};

// keys [S, Kmax]
template <class Source, class Rules, Real T, Backend B>
struct score_anchors {
  Source from;
  view<T, 2, B> keys;
  FRCNN_HD void operator()(std::size_t at) const {
    int const groups = Source::group_count, row = static_cast<int>(at / keys.dims[1]), j = static_cast<int>(at % keys.dims[1]);
    int const n = row / groups;
    auto const group = from.group(row % groups);
    T key = dead_key<T>;
    if (j < group.count) {
      int const i = group.first + j;
      key = objectness_logit<Rules>(from.logits, from.anchors.scheme.per_cell(), n, i);
      if constexpr (Rules::filters_before_top_n)
        if (!from.wide_enough(n, from.decoded(n, i))) key = dead_key<T>;
    }
    keys.data[at] = key;
  }
};

template <class Source, Real T, Backend B>
struct decode_ranked {
  Source from;
  view<std::int32_t const, 2, B> order;  // [S, before]
  view<box<T>, 2, B> boxes;
  view<std::uint8_t, 2, B> fit;
  FRCNN_HD void operator()(std::size_t at) const {
    int const row = static_cast<int>(at / order.dims[1]), n = row / Source::group_count, l = row % Source::group_count;
    int const j = order.data[at];
    boxes.data[at] = {};
    fit.data[at] = 0;
    if (j < 0) return;
    boxes.data[at] = from.decoded(n, from.group(l).first + j);
    fit.data[at] = from.wide_enough(n, boxes.data[at]);
  }
};

template <Real T, Backend B>
struct gather_fit {
  view<box<T> const, 2, B> boxes;
  view<std::int32_t const, 2, B> index;
  view<box<T>, 2, B> fit;
  FRCNN_HD void operator()(std::size_t at) const {
    int const j = index.data[at];
    fit.data[at] = j < 0 ? box<T>{} : boxes(static_cast<int>(at / index.dims[1]), j);
  }
};

// keys [N, groups*after]: the scores of what survives NMS, dead elsewhere
template <Real T, Backend B>
struct merge_keys {
  view<T const, 2, B> keys;                     // [S, Kmax]
  view<std::int32_t const, 2, B> order, fit;    // [S, before]
  counted<std::int32_t const, 2, B> survivors;  // [S, after]
  view<T, 2, B> merged;
  FRCNN_HD void operator()(std::size_t at) const {
    int const after = survivors.rows.dims[1], row = static_cast<int>(at / after), j = static_cast<int>(at % after);
    merged.data[at] = j < survivors.count.data[row] ? keys(row, order(row, fit(row, survivors.rows.data[at]))) : dead_key<T>;
  }
};

template <class Source, Real T, Backend B>
struct gather_proposals {
  Source from;
  view<std::int32_t const, 2, B> order;        // [N, after] into [groups*after]
  view<std::int32_t const, 2, B> survivors;    // [S, after] into [before]
  view<std::int32_t const, 2, B> ranked, fit;  // [S, before]
  view<box<T> const, 2, B> boxes;              // [S, before]
  view<box<T>, 2, B> rois;
  view<std::int32_t, 2, B> anchor;
  FRCNN_HD void operator()(std::size_t at) const {
    int const after = survivors.dims[1], n = static_cast<int>(at / order.dims[1]), j = order.data[at];
    rois.data[at] = {};
    if (anchor) anchor.data[at] = -1;
    if (j < 0) return;
    int const group = j / after, row = n * Source::group_count + group, s = survivors(row, j % after);
    rois.data[at] = boxes(row, s);
    if (anchor) anchor.data[at] = from.group(group).first + ranked(row, fit(row, s));
  }
};

template <class Source, Real T, Backend B>
struct decode_of_anchor {
  Source from;
  view<std::int32_t const, 2, B> anchor;  // live rows come first
  counted<box<T>, 2, B> rois;
  FRCNN_HD void operator()(std::size_t at) const {
    int const rows = anchor.dims[1], n = static_cast<int>(at / rows), j = static_cast<int>(at % rows), i = anchor.data[at];
    rois.rows.data[at] = i < 0 ? box<T>{} : from.decoded(n, i);
    if (i < 0 && j == 0) rois.count.data[n] = 0;
    if (i >= 0 && (j + 1 == rows || anchor.data[at + 1] < 0)) rois.count.data[n] = j + 1;
  }
};

// An anchor gives one proposal at most: no two rows add to one place.
template <class Source, class Rules, Real T, Backend B>
struct add_gradient {
  Source from;
  view<std::int32_t const, 2, B> anchor;
  view<box<T> const, 2, B> drois;
  gradient_bound<B> bound;
  view<T, 3, B> ddeltas;
  FRCNN_HD void operator()(std::size_t at) const {
    int const n = static_cast<int>(at / anchor.dims[1]), i = anchor.data[at];
    if (i < 0) return;
    auto const& im = from.info.data[n];
    auto const place = from.anchors.template at<T>(i);
    auto const d = from.delta_of(n, i);
    box<T> const whole = from.coder.decode(place, d), clipped = Rules::clip(whole, im.h, im.w);
    box<T> by = drois.data[at];
    if (clipped.x1 != whole.x1) by.x1 = T(0);
    if (clipped.y1 != whole.y1) by.y1 = T(0);
    if (clipped.x2 != whole.x2) by.x2 = T(0);
    if (clipped.y2 != whole.y2) by.y2 = T(0);
    delta<T> const g = from.coder.decode_vjp(place, d, by);
    T* const to = ddeltas.data + from.row(n, i);
    T const most = static_cast<T>(bound.most());
    auto const bounded = [most](T x) { return x > most ? most : x < -most ? -most : x; };
    to[0] += bounded(g.dx), to[1] += bounded(g.dy), to[2] += bounded(g.dw), to[3] += bounded(g.dh);
  }
};

}  // namespace detail

template <class Rules, class Coder, AnchorScheme Anchors, Real T, Backend B>
void propose(typename B::context& c, placed_anchors<Anchors> const& anchors, Coder const& coder, view<image_info<T> const, 1, B> info,
             view<T const, 3, B> logits, view<T const, 3, B> deltas, proposal_options const& o, counted<box<T>, 2, B> rois,
             view<std::int32_t, 2, B> anchor = {}) {
  using context = typename B::context;
  using source = detail::proposal_source<Rules, Coder, Anchors, T, B>;
  typename context::frame scope(c);
  constexpr int groups = source::group_count;
  int const n = static_cast<int>(info.size()), s = n * groups, after = rois.rows.dims[1];
  source const from{anchors, coder, info, logits, deltas};
  int longest = 0;
  for (int l = 0; l < groups; ++l) longest = std::max(longest, from.group(l).count);
  int const before = std::min(o.limit.before_nms, longest);

  auto keys = scratch<T, B>(c, shape<2>{{s, longest}});
  auto order = scratch<std::int32_t, B>(c, shape<2>{{s, before}});
  auto live = scratch<std::int32_t, B>(c, shape<1>{{s}});
  exec<B>::for_each(c, keys.size(), detail::score_anchors<source, Rules, T, B>{from, keys});  // 1
  exec<B>::segmented_sort(c, view<T const, 2, B>(keys), order, live);                         // 2

  auto ranked = scratch<box<T>, B>(c, order.dims);
  auto is_fit = scratch<std::uint8_t, B>(c, order.dims);
  auto fit = scratch<std::int32_t, B>(c, order.dims);
  auto boxes = scratch_counted<box<T>, B>(c, s, before);
  exec<B>::for_each(c, order.size(), detail::decode_ranked<source, T, B>{from, order, ranked, is_fit});  // 3
  exec<B>::select(c, view<std::uint8_t const, 2, B>(is_fit), fit, boxes.count);
  exec<B>::for_each(c, fit.size(), detail::gather_fit<T, B>{ranked, fit, boxes.rows});

  auto survivors = scratch_counted<std::int32_t, B>(c, s, after);
  exec<B>::nms_sweep(c, counted<box<T> const, 2, B>(boxes), ops::suppress_above<Rules, T>{Rules::template nms_threshold<T>(o.nms_iou)},
                     survivors);  // 4

  auto merged = scratch<T, B>(c, shape<2>{{n, groups * after}});
  auto final_order = scratch<std::int32_t, B>(c, shape<2>{{n, after}});
  exec<B>::for_each(c, merged.size(), detail::merge_keys<T, B>{keys, order, fit, survivors, merged});  // 5
  exec<B>::segmented_sort(c, view<T const, 2, B>(merged), final_order, rois.count);
  exec<B>::for_each(c, final_order.size(),
                    detail::gather_proposals<source, T, B>{from, final_order, survivors.rows, order, fit, boxes.rows, rois.rows, anchor});
}

// The boxes of anchors that propose chose before, from the deltas as they are now.
template <class Rules, class Coder, AnchorScheme Anchors, Real T, Backend B>
void decode_proposals(typename B::context& c, placed_anchors<Anchors> const& anchors, Coder const& coder,
                      view<image_info<T> const, 1, B> info, view<T const, 3, B> deltas, view<std::int32_t const, 2, B> anchor,
                      counted<box<T>, 2, B> rois) {
  using source = detail::proposal_source<Rules, Coder, Anchors, T, B>;
  exec<B>::for_each(c, anchor.size(), detail::decode_of_anchor<source, T, B>{{anchors, coder, info, {}, deltas}, anchor, rois});
}

// ddeltas [N, M, 4A] += d(loss)/d(deltas), given drois = d(loss)/d(corners) of the proposals; each of a delta's four by the bound at most.
template <class Rules, class Coder, AnchorScheme Anchors, Real T, Backend B>
void add_gradients(typename B::context& c, placed_anchors<Anchors> const& anchors, Coder const& coder, view<image_info<T> const, 1, B> info,
                   view<T const, 3, B> deltas, view<std::int32_t const, 2, B> anchor, view<box<T> const, 2, B> drois,
                   gradient_bound<B> bound, view<T, 3, B> ddeltas) {
  using source = detail::proposal_source<Rules, Coder, Anchors, T, B>;
  exec<B>::for_each(c, anchor.size(),
                    detail::add_gradient<source, Rules, T, B>{{anchors, coder, info, {}, deltas}, anchor, drois, bound, ddeltas});
}

}  // namespace frcnn::rpn
FRCNN_HIDDEN_END
