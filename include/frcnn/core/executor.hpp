#pragma once
// The six parallel operations in which proposals, targets, sampling, losses and post-processing are written once for every backend.
//
// exec<B> is specialised by each backend (backend/<name>/executor.*). Every operation works on capacities known on the host; counts stay on
// the device. S segments are independent of each other (images, or images x classes). Functions given are callable on the device:
// trivially copyable functors with an FRCNN_HD call operator.
//
//   for_each(c, n, f)                                f(i) for every i in [0, n), in any order, in parallel; a host may call
//                                                    f.run(begin, end) instead, where f has it, for many items in one vectorised loop
//   segmented_sort(c, keys[S,K], order[S,M], live[S])
//        order[s, 0..live[s]) = positions of the M highest keys of the segment, descending, equal keys by lower position (stable);
//        a key equal to dead_key<Key>, or NaN, is dead: never listed. live[s] = min(M, keys alive). Entries past live are -1.
//   scan(c, in[S,K], out[S,K])                       out[s,i] = in[s,0] + ... + in[s,i-1]
//   select(c, flags[S,K], index[S,M], count[S])      positions with flag != 0 in ascending order, the first M of them; the rest -1
//   segmented_reduce(c, S, K, init, f, op, out[S])   out[s] = op over i in [0, K) of f(s, i), starting from init; the order of the
//                                                    operations is fixed by K alone, so equal runs give equal bits
//   nms_sweep(c, boxes[S,K] with count[S], suppress, survivors[S,M] with count[S])
//        boxes come sorted by descending score. Greedy: a box survives if suppress(its iou with s) is false for all survivors s before it;
//        stops at M. survivors = their positions in ascending order; entries past the count are -1.
//
// Example: keys {3, 1, 3, dead} -> order {0, 2, 1, -1}, live 3.
#include "frcnn/core/counted.hpp"

#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Sorts last and is never listed.
template <class Key>
inline constexpr Key dead_key = std::numeric_limits<Key>::lowest();

// The primary template holds a static_assert and accepts any call, so that the assertion is the only diagnostic.
template <class B>
struct exec {
  static_assert(detail::never<B>, "frcnn: this backend has no executor; include frcnn/backend/<backend>/executor.hpp");
  static void for_each(auto&&...);
  static void segmented_sort(auto&&...);
  static void scan(auto&&...);
  static void select(auto&&...);
  static void segmented_reduce(auto&&...);
  static void nms_sweep(auto&&...);
};

}  // namespace frcnn
FRCNN_HIDDEN_END
