#pragma once
// Matrices in the order in which a register tile reads them: rows of a in blocks of columns, columns of b in panels; zeros beyond.
#include "frcnn/backend/cpu/simd.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::simd {

// Element (i, j): data[i * stride + j], or data[j * stride + i] where it is a transposed view.
struct matrix_ref {
  float const* data;
  std::ptrdiff_t stride;
  bool transposed = false;

  matrix_ref from(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return {data + (transposed ? j * stride + i : i * stride + j), stride, transposed};
  }
};

constexpr int rounded(int n, int to = lanes) { return (n + to - 1) / to * to; }

// count x depth of a to [whole / lanes][rows][lanes], zeros beyond.
inline void pack_rows(matrix_ref a, int count, int depth, int rows, int whole, float* out) {
  for (int k = 0; k < whole; k += lanes, out += rows * lanes)
    for (int i = 0; i < rows; ++i) {
      int const here = i < count ? std::clamp(depth - k, 0, lanes) : 0;
      float* const to = out + i * lanes;
      if (here == lanes && !a.transposed) {
        store(to, load(a.data + i * a.stride + k));
        continue;
      }
      for (int j = 0; j < here; ++j) to[j] = a.transposed ? a.data[(k + j) * a.stride + i] : a.data[i * a.stride + k + j];
      std::fill(to + here, to + lanes, 0.f);
    }
}

// Floats of the memory in which a panel's rows are laid out before they are transposed: long runs of a matrix that is read once come from
// memory faster than a cache line of each of many rows.
constexpr std::size_t line_floats(int whole) { return static_cast<std::size_t>(lanes) * static_cast<std::size_t>(whole + lanes); }

// depth x columns of b to [whole][width], zeros beyond; whole and width in whole vectors. line: line_floats(whole).
inline void pack_panel(matrix_ref b, int depth, int columns, int whole, int width, float* line, float* out) {
  if (!b.transposed) {
    for (int k = 0; k < whole; ++k, out += width) {
      int const here = k < depth ? columns : 0;
      std::copy_n(b.data + k * b.stride, here, out);
      std::fill(out + here, out + width, 0.f);
    }
    return;
  }
  constexpr int page = 4096 / sizeof(float);
  int const stride = whole + lanes;  // not a power of two
  for (int j = 0; j < width; j += lanes) {
    for (int i = 0; i < lanes; ++i) {
      int const here = j + i < columns ? depth : 0;
      float* const row = line + i * stride;
      if (j + i + 1 < columns)  // where the next row's pages are is looked up while this one is read: mapped weights lie on small pages
        for (int k = 0; k < depth + page; k += page) __builtin_prefetch(b.data + (j + i + 1) * b.stride + std::min(k, depth - 1));
      std::copy_n(b.data + (j + i) * b.stride, here, row);
      std::fill(row + here, row + whole, 0.f);
    }
    for (int k = 0; k < whole; k += lanes) transpose(line + k, stride, out + k * width + j, width);
  }
}

}  // namespace frcnn::simd
FRCNN_HIDDEN_END

#endif
