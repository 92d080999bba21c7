#pragma once
// Matrix transposition in tiles that keep both sides in cache; for floats in registers where the build has vectors.
#include "frcnn/backend/cpu/kernels/simd.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// out[j * out_stride + i] = in[i * in_stride + j] for i < rows, j < columns.
template <class T>
void transpose(T const* in, std::size_t in_stride, std::size_t rows, std::size_t columns, T* out, std::size_t out_stride) {
#if FRCNN_HAS_FAST
  constexpr bool in_registers = std::is_same_v<T, float>;
  constexpr std::size_t tile = in_registers ? static_cast<std::size_t>(cpu_backend::simd::lanes) : 16;
#else
  constexpr std::size_t tile = 16;
#endif
  for (std::size_t j0 = 0; j0 < columns; j0 += tile)
    for (std::size_t i0 = 0; i0 < rows; i0 += tile) {
#if FRCNN_HAS_FAST
      if constexpr (in_registers)
        if (i0 + tile <= rows && j0 + tile <= columns) {
          cpu_backend::simd::transpose(in + i0 * in_stride + j0, static_cast<std::ptrdiff_t>(in_stride), out + j0 * out_stride + i0,
                                       static_cast<std::ptrdiff_t>(out_stride));
          continue;
        }
#endif
      for (std::size_t j = j0; j < std::min(j0 + tile, columns); ++j)
        for (std::size_t i = i0; i < std::min(i0 + tile, rows); ++i) out[j * out_stride + i] = in[i * in_stride + j];
    }
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
