#pragma once
// Products of matrices that are large in one direction only, as fully connected layers have them: a few hundred rows, weights of hundreds of
// megabytes that are read once. BLAS packs for square matrices; here what is packed stays in cache and the weights keep their one layout.
//
//   c [M, N] = (add ? c : 0) + a [M, K] * b [K, N]
// a and b are matrix_refs: row-major, or the transposed view of a row-major matrix. c is row-major with a row stride. K goes in blocks:
// rows of `a` are packed once a block and shared, each worker packs its own panels of b and multiplies all rows with them.
// Each sum has one order, whatever the number of threads.
//
// Example: y [300, 4096] = x [300, 25088] * W^T, W stored [4096, 25088]: product(c, 300, 4096, 25088, {x, 25088}, {W, 25088, true}, y, 4096, false)
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/backend/cpu/register_tile.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

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

namespace detail {

constexpr int rounded(int n) { return (n + lanes - 1) / lanes * lanes; }

// rows x depth of a to [depth / lanes][rows][lanes], zeros beyond depth.
inline void pack_rows(matrix_ref a, int rows, int depth, float* out) {
  for (int k = 0; k < depth; k += lanes, out += rows * lanes) {
    int const here = std::min(lanes, depth - k);
    for (int i = 0; i < rows; ++i) {
      float* const to = out + i * lanes;
      if (here == lanes && !a.transposed) {
        store(to, load(a.data + i * a.stride + k));
        continue;
      }
      for (int j = 0; j < here; ++j) to[j] = a.transposed ? a.data[(k + j) * a.stride + i] : a.data[i * a.stride + k + j];
      std::fill(to + here, to + lanes, 0.f);
    }
  }
}

// Floats of the memory in which a panel's rows are laid out before they are transposed: long runs of a matrix that is read once come from
// memory faster than a cache line of each of many rows.
constexpr std::size_t line_floats(int depth) { return static_cast<std::size_t>(lanes) * static_cast<std::size_t>(rounded(depth) + lanes); }

// depth x columns of b to [rounded depth][width], zeros beyond; columns <= width, whole vectors. line: line_floats(depth).
inline void pack_panel(matrix_ref b, int depth, int columns, int width, float* line, float* out) {
  int const whole = rounded(depth);
  if (!b.transposed) {
    for (int k = 0; k < whole; ++k, out += width) {
      int const here = k < depth ? columns : 0;
      std::copy_n(b.data + k * b.stride, here, out);
      std::fill(out + here, out + width, 0.f);
    }
    return;
  }
  int const stride = whole + lanes;  // not a power of two
  for (int j = 0; j < width; j += lanes) {
    for (int i = 0; i < lanes; ++i) {
      int const here = j + i < columns ? depth : 0;
      float* const row = line + i * stride;
      std::copy_n(b.data + (j + i) * b.stride, here, row);
      std::fill(row + here, row + whole, 0.f);
    }
    for (int k = 0; k < whole; k += lanes) transpose(line + k, stride, out + k * width + j, width);
  }
}

// The first n floats of a vector to `to`, or as many as it has.
inline void put(float* to, vec v, int n, bool add) {
  if (n >= lanes)
    store(to, add ? load(to) + v : v);
  else
    store_first(to, add ? load_first(to, n) + v : v, n);
}

}  // namespace detail

inline void product(cpu::context& c, int m, int n, int k, matrix_ref a, matrix_ref b, float* out, std::ptrdiff_t out_stride, bool add) {
  if (k == 0 && !add)
    for (int i = 0; i < m; ++i) std::fill_n(out + i * out_stride, n, 0.f);
  if (m == 0 || n == 0 || k == 0) return;
  // Weights that come from memory are read in long runs; those that a cache holds are packed in more panels at once.
  bool const large = static_cast<std::size_t>(n) * static_cast<std::size_t>(k) > (std::size_t{8} << 20);
  int const depth_block = large ? 2048 : 512, batch = (large ? 2 : 4) * panel;
  int const groups = (m + tile_rows - 1) / tile_rows, batches = (n + batch - 1) / batch, depth_most = detail::rounded(std::min(k, depth_block));
  auto const group = [=](int g) { return static_cast<int>(static_cast<std::ptrdiff_t>(m) * g / groups); };
  cpu::context::frame const scope(c);
  float* const rows = c.scratch_of<float>(static_cast<std::size_t>(m) * depth_most);
  std::size_t const room = static_cast<std::size_t>(depth_most) * batch + tile_rows * panel + detail::line_floats(depth_most);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, static_cast<std::size_t>(batches), 1)));
  for (int k0 = 0; k0 < k; k0 += depth_block) {
    int const depth = std::min(depth_block, k - k0), whole = detail::rounded(depth);
    bool const sum = add || k0 > 0;
    parallel_for(c, static_cast<std::size_t>(groups), 4, [=](std::size_t begin, std::size_t end) {
      for (int g = static_cast<int>(begin); g < static_cast<int>(end); ++g)
        detail::pack_rows(a.from(group(g), k0), group(g + 1) - group(g), depth, rows + static_cast<std::ptrdiff_t>(group(g)) * whole);
    });
    parallel_for(c, static_cast<std::size_t>(batches), 1, [=](int worker, std::size_t begin, std::size_t end) {
      float* const packed = memory + room * static_cast<std::size_t>(worker);
      float* const tile = packed + static_cast<std::ptrdiff_t>(depth_most) * batch;
      float* const line = tile + tile_rows * panel;
      for (std::size_t at = begin; at < end; ++at) {
        int const n0 = static_cast<int>(at) * batch, n1 = std::min(n, n0 + batch);
        auto const width_of = [=](int j) { return std::min(panel, detail::rounded(n1 - j)); };
        for (int j = n0; j < n1; j += panel)
          detail::pack_panel(b.from(k0, j), depth, std::min(panel, n1 - j), width_of(j), line,
                             packed + static_cast<std::ptrdiff_t>(j - n0) * whole);
        for (int g = 0; g < groups; ++g) {
          int const r0 = group(g), count = group(g + 1) - r0;
          float const* const factors = rows + static_cast<std::ptrdiff_t>(r0) * whole;
          for (int j = n0; j < n1; j += panel) {
            int const width = width_of(j), columns = std::min(panel, n1 - j);
            float const* const p = packed + static_cast<std::ptrdiff_t>(j - n0) * whole;
            float* const to = out + r0 * out_stride + j;
            if (sum)
              for (int i = 0; i < count; ++i)
                for (int l = 0; l < columns; l += lanes) __builtin_prefetch(to + i * out_stride + l, 1);
            tile_product const one{factors, p, tile};
            multiply_tiles(count, width / lanes, {&one, 1}, whole);
            for (int i = 0; i < count; ++i)
              for (int l = 0; l < columns; l += lanes) detail::put(to + i * out_stride + l, load(tile + i * width + l), columns - l, sum);
          }
        }
      }
    });
  }
}

}  // namespace frcnn::simd

#endif
