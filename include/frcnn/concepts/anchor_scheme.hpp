#pragma once
// AnchorScheme: where the reference boxes of the sliding window lie (section 3.1.1). Values and their number are run-time data; only the
// number of levels is in the type.
//   1. A::levels, A::max_per_cell    constants above 0
//   2. a.per_cell()                  anchors at each position, the paper's k
//   3. a.at<T>(cell)                 the anchor k of cell (level, y, x): a half-open box in pixels of the network's input
// Trivially copyable: it travels into kernels by value.
//
// The smallest model:
//   struct one_square {                                         // 32 x 32 pixels about each cell's corner
//     static constexpr int levels = 1, max_per_cell = 1;
//     FRCNN_HD int per_cell() const { return 1; }
//     template <class T>
//     FRCNN_HD box<T> at(cell const& i) const {
//       T const x = T(i.x * i.stride_x), y = T(i.y * i.stride_y);
//       return {x - T(16), y - T(16), x + T(16), y + T(16)};
//     }
//   };
#include "frcnn/geometry/anchors.hpp"

#include <concepts>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// clang-format off
template <class A>
concept AnchorScheme = std::is_trivially_copyable_v<A> && (A::levels > 0) && (A::max_per_cell > 0) && requires(A const& a, cell i) {
  { a.per_cell() } -> std::convertible_to<int>;
  { a.template at<double>(i) } -> std::same_as<box<double>>;
  };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
