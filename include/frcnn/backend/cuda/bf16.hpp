#pragma once
// Factors of products in bf16: the upper half of a float, rounded to nearest, ties to even; NaN stays NaN.
#include "frcnn/config.hpp"

#include <cstddef>
#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

FRCNN_HD inline std::uint16_t to_bf16(float v) {
  std::uint32_t const bits = __builtin_bit_cast(std::uint32_t, v);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
FRCNN_HD inline float from_bf16(std::uint16_t v) { return __builtin_bit_cast(float, static_cast<std::uint32_t>(v) << 16); }

struct round_to_bf16 {
  float const* in;
  std::uint16_t* out;
  FRCNN_HD void operator()(std::size_t i) const { out[i] = to_bf16(in[i]); }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
