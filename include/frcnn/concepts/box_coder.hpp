#pragma once
// BoxCoder: the parametrisation in which boxes are regressed (section 3.1.2, eq. 2).
//   1. c.encode(from, to) -> delta      2. c.decode(from, delta) -> box      both for float and double boxes, on host and device
//   invariant: decode(from, encode(from, to)) == to, up to rounding (conventions::caffe is one pixel off, as its release is)
// DifferentiableBoxCoder: with vector-Jacobian products, for exact joint training (section 3.2, iii).
//   3. c.decode_vjp(from, d, dout)       d(loss)/d(delta)
//   4. c.decode_vjp_from(from, d, dout)  d(loss)/d(from)
//   5. c.encode_vjp_from(from, to, dout) d(loss)/d(from): the RoI head's targets depend on the RoI
//
// The smallest model:
//   struct corner_coder {                                       // moves corners by fractions of the size
//     template <class T> delta<T> encode(box<T> a, box<T> b) const { ... }
//     template <class T> box<T> decode(box<T> a, delta<T> d) const { ... }
//   };
#include "frcnn/geometry/box.hpp"

#include <concepts>
#include <type_traits>

namespace frcnn::inline FRCNN_ABI {

template <class C>
concept BoxCoder = std::is_trivially_copyable_v<C> && requires(C const& c, box<double> a, delta<double> d) {
  { c.encode(a, a) } -> std::same_as<delta<double>>;
  { c.decode(a, d) } -> std::same_as<box<double>>;
};

template <class C>
concept DifferentiableBoxCoder = BoxCoder<C> && requires(C const& c, box<double> a, delta<double> d) {
  { c.decode_vjp(a, d, a) } -> std::same_as<delta<double>>;
  { c.decode_vjp_from(a, d, a) } -> std::same_as<box<double>>;
  { c.encode_vjp_from(a, a, d) } -> std::same_as<box<double>>;
};

}  // namespace frcnn
