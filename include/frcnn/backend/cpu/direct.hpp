#pragma once
// Convolution with any kernel, stride and number of channels on register tiles: the windows of a few output pixels are gathered as one packed
// matrix of rows, which stays in the nearest cache while all panels of weights pass by. Bias and ReLU happen while the tile is there. With `add`
// what y holds is added before the ReLU.
//
//   panels   [panels of O][rounded k*k*C][panel]   the last one as wide as its outputs, rounded up to whole vectors
#include "frcnn/backend/cpu/product.hpp"
#include "frcnn/ops/conv2d.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::direct {

using simd::lanes;

inline int depth(conv2d_spec const& s) { return simd::detail::rounded(s.kernel * s.kernel * s.in_channels); }
inline std::size_t panel_floats(conv2d_spec const& s) {
  return static_cast<std::size_t>(depth(s)) * static_cast<std::size_t>(simd::detail::rounded(s.out_channels));
}

// weight [O, k, k, C] to panels.
inline void pack_weights(cpu::context& c, conv2d_spec const& s, float const* weight, float* panels) {
  int const taps = s.kernel * s.kernel * s.in_channels, count = (s.out_channels + simd::panel - 1) / simd::panel;
  cpu::context::frame const scope(c);
  std::size_t const room = simd::detail::line_floats(taps);
  float* const lines = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, static_cast<std::size_t>(count), 1)));
  parallel_for(c, static_cast<std::size_t>(count), 1, [=](int worker, std::size_t begin, std::size_t end) {
    for (int p = static_cast<int>(begin); p < static_cast<int>(end); ++p) {
      int const o = p * simd::panel, columns = std::min(simd::panel, s.out_channels - o);
      simd::detail::pack_panel(simd::matrix_ref{weight, taps, true}.from(0, o), taps, columns, simd::detail::rounded(columns),
                               lines + room * static_cast<std::size_t>(worker), panels + static_cast<std::ptrdiff_t>(o) * depth(s));
    }
  });
}

// One worker's memory.
inline std::size_t workspace(conv2d_spec const& s) {
  return static_cast<std::size_t>(simd::tile_rows) * (2 * static_cast<std::size_t>(depth(s)) + simd::panel);
}

namespace detail {

// Windows of `count` pixels from column j0 on, as [depth / lanes][count][lanes]. row[ky]: a row of the map, nullptr outside it.
inline void gather(conv2d_spec const& s, float const* const* row, int width, int j0, int count, float* line, float* packed) {
  int const run = s.kernel * s.in_channels, whole = depth(s);
  for (int i = 0; i < count; ++i) {
    int const x0 = (j0 + i) * s.stride - s.pad;
    int const before = std::clamp(-x0, 0, s.kernel) * s.in_channels, behind = std::clamp(x0 + s.kernel - width, 0, s.kernel) * s.in_channels;
    for (int ky = 0; ky < s.kernel; ++ky) {
      float* const to = line + ky * run;
      if (!row[ky] || before + behind >= run) {
        std::fill_n(to, run, 0.f);
        continue;
      }
      std::fill_n(to, before, 0.f);
      std::copy_n(row[ky] + static_cast<std::ptrdiff_t>(x0) * s.in_channels + before, run - before - behind, to + before);
      std::fill_n(to + run - behind, behind, 0.f);
    }
    std::fill(line + s.kernel * run, line + whole, 0.f);
    for (int k = 0; k < whole; k += lanes) simd::store(packed + k * count + i * lanes, simd::load(line + k));
  }
}

inline void finish(float* tile, int rows, int columns, std::ptrdiff_t stride, float const* bias, bool relu) {
  simd::vec const zero(0.f);
  for (int i = 0; i < rows; ++i, tile += stride) {
    int l = 0;
    for (; l + lanes <= columns; l += lanes) {
      simd::vec const v = simd::load(tile + l) + simd::load(bias + l);
      simd::store(tile + l, relu ? xsimd::select(v < zero, zero, v) : v);
    }
    for (; l < columns; ++l) {
      float const v = tile[l] + bias[l];
      tile[l] = relu && v < 0.f ? 0.f : v;
    }
  }
}

}  // namespace detail

// One row of outputs: y [columns, O]. row[k]: the rows of x under the kernel, of `width` pixels, nullptr outside the map.
inline void convolve_row(conv2d_spec const& s, float const* const* row, int width, float const* panels, float const* bias, float* y, int columns,
                         float* memory, bool add = false) {
  int const whole = depth(s), groups = (columns + simd::tile_rows - 1) / simd::tile_rows;
  float *const packed = memory, *const line = packed + simd::tile_rows * whole, *const corner = memory + 2 * simd::tile_rows * whole;
  for (int g = 0; g < groups; ++g) {
    int const j0 = columns * g / groups, count = columns * (g + 1) / groups - j0;
    detail::gather(s, row, width, j0, count, line, packed);
    for (int o = 0; o < s.out_channels; o += simd::panel) {
      int const here = std::min(simd::panel, s.out_channels - o), vectors = simd::detail::rounded(here) / lanes;
      float const* const b = panels + static_cast<std::ptrdiff_t>(o) * whole;
      float* const to = y + static_cast<std::ptrdiff_t>(j0) * s.out_channels + o;
      if (here == vectors * lanes) {
        simd::multiply_tile(count, vectors, packed, b, whole, to, s.out_channels, add);
      } else {
        simd::multiply_tile(count, vectors, packed, b, whole, corner, vectors * lanes, false);
        for (int i = 0; i < count; ++i) {
          float* const row = to + static_cast<std::ptrdiff_t>(i) * s.out_channels;
          for (int l = 0; l < here; ++l) row[l] = (add ? row[l] : 0.f) + corner[i * vectors * lanes + l];
        }
      }
      detail::finish(to, count, here, s.out_channels, bias + o, s.relu);
    }
  }
}

// x [N, H, W, C] to y [N, Ho, Wo, O].
inline void convolve(cpu::context& c, conv2d_spec const& s, float const* x, shape<4> in, float const* panels, float const* bias, float* y,
                     bool add = false) {
  shape<4> const out = s.out_shape(in);
  std::ptrdiff_t const line = static_cast<std::ptrdiff_t>(in[3]) * s.in_channels, out_line = static_cast<std::ptrdiff_t>(out[3]) * s.out_channels;
  cpu::context::frame const scope(c);
  std::size_t const rows = static_cast<std::size_t>(out[0]) * out[2], room = workspace(s);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, rows, 1)));
  constexpr int most = 16;
  FRCNN_ASSERT(s.kernel <= most);
  parallel_for(c, rows, 1, [=](int worker, std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; ++at) {
      std::ptrdiff_t const image = static_cast<std::ptrdiff_t>(at) / out[2];
      int const top = static_cast<int>(at % static_cast<std::size_t>(out[2])) * s.stride - s.pad;
      float const* row[most];
      for (int ky = 0; ky < s.kernel; ++ky)
        row[ky] = top + ky >= 0 && top + ky < in[2] ? x + (image * in[2] + top + ky) * line : nullptr;
      convolve_row(s, row, in[3], panels, bias, y + static_cast<std::ptrdiff_t>(at) * out_line, out[3],
                   memory + room * static_cast<std::size_t>(worker), add);
    }
  });
}

}  // namespace frcnn::direct

#endif
