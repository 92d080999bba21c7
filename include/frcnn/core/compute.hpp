#pragma once
// The precision of matrix products. A property of the context, not of the model: parameters, losses and geometry stay `scalar`.
#include "frcnn/config.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class compute : std::uint8_t {
  exact,  // in the scalar's own
  tf32,   // factors rounded to 11 bits of mantissa, summed in float (CUDA)
  bf16    // factors rounded to 8 bits of mantissa, summed in float
};

FRCNN_PER_BUILD constexpr char const* to_string(compute c) { return c == compute::exact ? "f32" : c == compute::tf32 ? "tf32" : "bf16"; }

}  // namespace frcnn
FRCNN_HIDDEN_END
