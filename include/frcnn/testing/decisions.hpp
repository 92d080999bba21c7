#pragma once
// What one training step decided at random or by comparison, taken out of its tape and put into another.
//
// A step whose decisions are held is a smooth function of its parameters: what a gradient check needs, and what makes two
// implementations comparable that draw differently.
//
//   anchor_label, anchor_match  [N, K]     1, 0, -1 (not sampled); the box each anchor regresses to
//   rois [N, Q] with roi_count [N]; roi_label [N, Q], roi_target [N, Q]    the sampled RoIs: 0 background, 1..K class, -1 dead
//   proposal     [N, R]                    which anchors are proposed
//   roi_proposal, roi_truth     [N, Q]     where each RoI came from (roi/target.hpp), for gradients by proposals; may be empty
//   mask6, mask7                [N*Q, width]   of dropout, 1 where a value stays; empty without
//
// 1. record(c, tape)        after a step: a copy on the host. A half that never ran is empty
// 2. replay(c, decisions, tape)  before a step on the same batch: that tape decides nothing by itself any more; empty halves do
//    moving: in exact joint training the boxes of the same proposals, and the targets of the same RoIs, follow the RPN's deltas
// 3. release(tape)          it decides again
// Any model's tape will do whose `proposals` and `head` have a `decided` as those of region_proposal_network and fast_rcnn_head.
//
// Example: model.step(c, batch, truth, rng, tape, loss);
//          auto const d = testing::record(c, tape);
//          decltype(tape) other;  testing::replay(c, d, other);
//          model.step(c, batch, truth, another_rng, other, loss);     // the same losses and gradients, bit for bit
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/geometry/box.hpp"

#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::testing {

template <class X, int R>
struct recorded {
  std::vector<X> values;
  shape<R> dims{};

  explicit operator bool() const { return !values.empty(); }
};

template <Real T>
struct step_decisions {
  recorded<std::int32_t, 2> anchor_label, anchor_match;
  recorded<box<T>, 2> rois;
  recorded<std::int32_t, 1> roi_count;
  recorded<std::int32_t, 2> roi_label;
  recorded<delta<T>, 2> roi_target;
  recorded<std::uint8_t, 2> mask6, mask7;
  recorded<std::int32_t, 2> roi_proposal{};
  recorded<box<T>, 2> roi_truth{};
  recorded<std::int32_t, 2> proposal{};
};

enum class proposals_are : std::uint8_t { constant, moving };

namespace detail {
template <class X, int R, Backend B>
recorded<X, R> copied(typename B::context& c, view<X, R, B> from) {
  if (!from) return {};
  return {to_host(c, from), from.dims};
}
template <class X, int R, Backend B>
view<X, R, B> restored(typename B::context& c, recorded<X, R> const& from, buffer<X, B>& memory) {
  if (!from) return {};
  auto const to = memory.shaped(c, from.dims);
  from_host(c, from.values, to);
  return to;
}
template <class Boxes>
struct scalar_of_boxes;
template <class T, Backend B>
struct scalar_of_boxes<counted<box<T>, 2, B>> {
  using type = T;
};
}  // namespace detail

template <class Context, class Tape>
auto record(Context& c, Tape const& tape) {
  auto const& anchors = tape.proposals.decided;
  auto const& head = tape.head.decided;
  using T = typename detail::scalar_of_boxes<std::remove_cvref_t<decltype(head.targets.rois)>>::type;
  return step_decisions<T>{detail::copied(c, anchors.label),
                           detail::copied(c, anchors.match),
                           detail::copied(c, head.targets.rois.rows),
                           detail::copied(c, head.targets.rois.count),
                           detail::copied(c, head.targets.label),
                           detail::copied(c, head.targets.target),
                           detail::copied(c, head.mask6),
                           detail::copied(c, head.mask7),
                           detail::copied(c, head.targets.proposal),
                           detail::copied(c, head.targets.truth),
                           detail::copied(c, anchors.proposal)};
}

template <class Context, Real T, class Tape>
void replay(Context& c, step_decisions<T> const& d, Tape& tape, proposals_are how = proposals_are::constant) {
  auto& anchors = tape.proposals.decided;
  anchors.held = static_cast<bool>(d.anchor_label);
  anchors.label = detail::restored(c, d.anchor_label, anchors.label_memory);
  anchors.match = detail::restored(c, d.anchor_match, anchors.match_memory);
  anchors.proposal = detail::restored(c, d.proposal, anchors.proposal_memory);
  anchors.proposals_held = how == proposals_are::moving && d.proposal;
  auto& head = tape.head.decided;
  head.held = static_cast<bool>(d.rois);
  head.follows = how == proposals_are::moving;
  head.targets = {{detail::restored(c, d.rois, head.roi_memory), detail::restored(c, d.roi_count, head.count_memory)},
                  detail::restored(c, d.roi_label, head.label_memory),
                  detail::restored(c, d.roi_target, head.target_memory),
                  detail::restored(c, d.roi_proposal, head.proposal_memory),
                  detail::restored(c, d.roi_truth, head.truth_memory)};
  head.mask6 = detail::restored(c, d.mask6, head.mask6_memory);
  head.mask7 = detail::restored(c, d.mask7, head.mask7_memory);
}

template <class Tape>
void release(Tape& tape) {
  tape.proposals.decided.held = tape.proposals.decided.proposals_held = tape.head.decided.held = false;
}

}  // namespace frcnn::inline FRCNN_ABI::testing
FRCNN_HIDDEN_END
