#pragma once
// Balanced random sampling of labelled candidates: which anchors (section 3.1.3) and which RoIs (Fast R-CNN, section 2.3) a step learns
// from.
//
//   label [S, K] int32: > 0 positive, 0 negative, -1 not a candidate. In place: a candidate that is not drawn becomes -1.
//
// 1. at most max_positive of the positives, drawn without replacement
// 2. negatives fill up to `total`; the batch shrinks where there are too few
// The draw of candidate k is a function of (seed, step, image id, purpose, k).
//
// Example: labels {1, 0, 0, 1, -1}, max_positive 1, total 2 -> one of the two 1s stays, one of the two 0s stays, the rest is -1.
#include "frcnn/core/executor.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/ops/clear.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
// keys [2S, K]: row 2s holds the random ranks of the positives of segment s, row 2s + 1 those of its negatives.
template <Backend B>
struct rank_candidates {
  view<std::int32_t const, 2, B> label;
  view<std::uint64_t const, 1, B> id;
  rng<B> r;
  draw purpose;
  view<std::uint32_t, 2, B> keys;
  FRCNN_HD void operator()(std::size_t i) const {
    std::size_t const k_count = label.dims[1], s = i / k_count, k = i % k_count;
    std::int32_t const l = label.data[i];
    std::uint32_t const rank = l >= 0 ? (r.bits(id.data[s], purpose, k) | 1u) : 0u;  // 0 is dead
    keys(2 * s, k) = l > 0 ? rank : 0u;
    keys(2 * s + 1, k) = l == 0 ? rank : 0u;
  }
};
template <Backend B>
struct mark_drawn {
  view<std::int32_t const, 2, B> order;  // [2S, total]
  view<std::int32_t const, 1, B> live;   // [2S]
  int max_positive, total;
  view<std::uint8_t, 2, B> flag;
  FRCNN_HD void operator()(std::size_t i) const {
    std::size_t const row = i / total, j = i % total, s = row / 2;
    int const positives = live.data[2 * s] < max_positive ? live.data[2 * s] : max_positive;
    int const wanted = row % 2 == 0 ? positives : total - positives;
    int const alive = live.data[row];
    if (static_cast<int>(j) < (wanted < alive ? wanted : alive)) flag(s, order.data[i]) = 1;
  }
};
template <Backend B>
struct drop_undrawn {
  view<std::uint8_t const, 2, B> flag;
  view<std::int32_t, 2, B> label;
  FRCNN_HD void operator()(std::size_t i) const {
    if (!flag.data[i]) label.data[i] = -1;
  }
};
}  // namespace detail

namespace ops {

template <Backend B>
void sample_balanced(typename B::context& c, view<std::int32_t, 2, B> label, view<std::uint64_t const, 1, B> id, rng<B> r, draw purpose,
                     int max_positive, int total) {
  typename B::context::frame scope(c);
  int const s = label.dims[0], k = label.dims[1];
  auto keys = scratch<std::uint32_t, B>(c, shape<2>{{2 * s, k}});
  auto order = scratch<std::int32_t, B>(c, shape<2>{{2 * s, total}});
  auto live = scratch<std::int32_t, B>(c, shape<1>{{2 * s}});
  auto flag = scratch<std::uint8_t, B>(c, shape<2>{{s, k}});
  exec<B>::for_each(c, label.size(), detail::rank_candidates<B>{label, id, r, purpose, keys});
  exec<B>::segmented_sort(c, view<std::uint32_t const, 2, B>(keys), order, live);
  clear<B>(c, flag.data, flag.size());
  exec<B>::for_each(c, order.size(), detail::mark_drawn<B>{order, live, max_positive, total, flag});
  exec<B>::for_each(c, label.size(), detail::drop_undrawn<B>{flag, label});
}

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
