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
//   struct corner_coder {                                       // moves corners, by fractions of the sides
//     template <class T>
//     FRCNN_HD delta<T> encode(box<T> const& a, box<T> const& b) const {
//       return {(b.x1 - a.x1) / a.width(), (b.y1 - a.y1) / a.height(), (b.x2 - a.x2) / a.width(), (b.y2 - a.y2) / a.height()};
//     }
//     template <class T>
//     FRCNN_HD box<T> decode(box<T> const& a, delta<T> const& d) const {
//       return {a.x1 + d.dx * a.width(), a.y1 + d.dy * a.height(), a.x2 + d.dw * a.width(), a.y2 + d.dh * a.height()};
//     }
//   };
#include "frcnn/geometry/box.hpp"

#include <concepts>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// clang-format off
template <class C>
concept BoxCoder = std::is_trivially_copyable_v<C> && requires(C const& c, box<double> a, delta<double> d) {
  { c.encode(a, a) } -> std::same_as<delta<double>>;
  { c.decode(a, d) } -> std::same_as<box<double>>;
  };
// clang-format on

// clang-format off
template <class C>
concept DifferentiableBoxCoder = BoxCoder<C> && requires(C const& c, box<double> a, delta<double> d) {
  { c.decode_vjp(a, d, a) } -> std::same_as<delta<double>>;
  { c.decode_vjp_from(a, d, a) } -> std::same_as<box<double>>;
  { c.encode_vjp_from(a, a, d) } -> std::same_as<box<double>>;
  };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
