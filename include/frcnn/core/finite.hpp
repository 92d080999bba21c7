#pragma once
// Whether a number is finite, judged by its bits.
//
// -ffast-math and -ffinite-math-only tell the compiler that no number is infinite or NaN: v == v, v - v == 0, std::isfinite(v) and
// std::isnan(v) become constants, and whatever they guarded goes on with nonsense. A test of bits stays. Give it numbers that lie in
// memory: of a number that an expression just made, such a compiler may still assume what it likes.
#include "frcnn/config.hpp"

#include <concepts>
#include <cstdint>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

template <std::floating_point T>
struct float_bits {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "float or double");
  using type = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static constexpr type magnitude = static_cast<type>(~type(0)) >> 1;                                      // all but the sign
  static constexpr type infinity = sizeof(T) == 4 ? type(0x7f800000u) : type(std::uint64_t{0x7ff} << 52);  // every NaN is above
  FRCNN_PER_BUILD FRCNN_HD static constexpr type of(T v) { return __builtin_bit_cast(type, v) & magnitude; }
};

template <std::floating_point T>
FRCNN_PER_BUILD FRCNN_HD constexpr bool is_finite(T v) {
  return float_bits<T>::of(v) < float_bits<T>::infinity;
}
template <std::floating_point T>
FRCNN_PER_BUILD FRCNN_HD constexpr bool is_nan(T v) {
  return float_bits<T>::of(v) > float_bits<T>::infinity;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
