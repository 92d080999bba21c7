#pragma once
// Packing for the GEMM micro-kernel: rows of a in blocks of columns, columns of b in panels, both padded with zeros.
#include "frcnn/backend/cpu/kernels/simd.hpp"

#include <algorithm>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::simd {

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
  alignas(64) float lines[lanes * lanes], turned[lanes * lanes];
  for (int k = 0; k < whole; k += lanes, out += rows * lanes) {
    int const here = std::clamp(depth - k, 0, lanes);
    for (int i = 0; !a.transposed && i < rows; ++i) store(out + i * lanes, load_first(a.data + i * a.stride + k, i < count ? here : 0));
    for (int i = 0; a.transposed && i < rows; i += lanes) {  // lanes rows at most, `columns` of them from a
      int const columns = std::clamp(count - i, 0, lanes);
      for (int j = 0; j < lanes; ++j) store(lines + j * lanes, load_first(a.data + (k + j) * a.stride + i, j < here ? columns : 0));
      transpose(lines, lanes, turned, lanes);
      std::copy_n(turned, std::min(lanes, rows - i) * lanes, out + i * lanes);
    }
  }
}

// Floats of the memory in which a panel's rows are laid out before they are transposed: long runs of a matrix that is read once come from
// memory faster than a cache line of each of many rows.
constexpr std::size_t line_floats(int whole) { return static_cast<std::size_t>(lanes) * static_cast<std::size_t>(whole + lanes); }

// depth x columns of b to [whole][width], zeros beyond; whole and width in whole vectors. line: line_floats(whole).
inline void pack_panel(matrix_ref b, int depth, int columns, int whole, int width, float* line, float* out) {
  if (!b.transposed) {
    for (int k = 0; k < whole; ++k)
      for (int j = 0; j < width; j += lanes, out += lanes)
        store(out, load_first(b.data + k * b.stride + j, k < depth ? std::clamp(columns - j, 0, lanes) : 0));
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

// depth x columns of b to `count` panels, each [whole][panel]. A row-major b is read row by row, all panels of a row together: short runs
// of many rows come from memory slowly.
inline void pack_panels(matrix_ref b, int depth, int columns, int whole, int count, float* line, float* out) {
  std::ptrdiff_t const size = static_cast<std::ptrdiff_t>(whole) * panel;
  int const full = b.transposed ? 0 : columns / panel;  // panels without zeros in their rows
  for (int k = 0; full && k < whole; ++k)
    for (int p = 0; p < full; ++p)
      for (int j = 0; j < panel; j += lanes)
        store(out + p * size + k * panel + j, k < depth ? load(b.data + k * b.stride + p * panel + j) : vec(0.f));
  for (int p = full; p < count; ++p)
    pack_panel(b.from(0, p * panel), depth, std::clamp(columns - p * panel, 0, panel), whole, panel, line, out + p * size);
}

}  // namespace frcnn::cpu_backend::simd
FRCNN_HIDDEN_END

#endif
