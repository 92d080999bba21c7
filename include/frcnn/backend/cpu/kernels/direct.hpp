#pragma once
// Direct convolution with any kernel, stride and number of channels, on the GEMM micro-kernel. A tile is a few output pixels by a panel of
// output channels: its inputs are read in place, in x itself or, where windows end outside it, in a copy padded with zeros; they stay in L1
// while all panels of weights pass by. Bias and ReLU happen in registers. With `add` what y holds is added before the ReLU.
//
//   panels   [panels of O][rounded k*k*C][panel]   the last one as wide as its outputs, rounded up to whole vectors
#include "frcnn/backend/cpu/kernels/pack.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/conv2d.hpp"

#include <algorithm>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::direct {

using simd::lanes;

inline int depth(conv2d_spec const& s) { return simd::rounded(static_cast<int>(s.fan_in())); }
inline std::size_t panel_floats(conv2d_spec const& s) {
  return static_cast<std::size_t>(depth(s)) * static_cast<std::size_t>(simd::rounded(s.out_channels));
}

// weight [O, k, k, C] to panels.
inline void pack_weights(cpu::context& c, conv2d_spec const& s, float const* weight, float* panels) {
  int const taps = static_cast<int>(s.fan_in()), count = (s.out_channels + simd::panel - 1) / simd::panel;
  cpu::context::frame const scope(c);
  std::size_t const room = simd::line_floats(depth(s));
  float* const lines = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, static_cast<std::size_t>(count), 1)));
  parallel_for(c, static_cast<std::size_t>(count), 1, [=](int worker, std::size_t begin, std::size_t end) {
    for (int p = static_cast<int>(begin); p < static_cast<int>(end); ++p) {
      int const o = p * simd::panel, columns = std::min(simd::panel, s.out_channels - o);
      simd::pack_panel(simd::matrix_ref{weight, taps, true}.from(0, o), taps, columns, depth(s), simd::rounded(columns),
                       lines + room * static_cast<std::size_t>(worker), panels + static_cast<std::ptrdiff_t>(o) * depth(s));
    }
  });
}

inline constexpr int most_rows = 16;  // of a kernel

// One worker's memory.
inline std::size_t workspace(conv2d_spec const& s) {
  std::size_t const columns = static_cast<std::size_t>((simd::tile_rows - 1) * s.stride + s.kernel);
  return static_cast<std::size_t>(s.kernel * s.in_channels) * columns;
}

// What becomes of a row's sums.
struct row_target {
  float* y;  // [columns, O]
  int columns;
  bool add = false;     // to what y holds
  bool around = false;  // the caches: every vector of y is aligned
};

namespace detail {

// Windows of `Rows` pixels: the first begins at row[k], the next ones `step` floats further each.
struct windows {
  float const* row[most_rows];  // nullptr: zeros
  std::ptrdiff_t step;
  int kernel, run;  // rows, and floats of each row
};
struct finish {
  float const* bias;
  float floor;  // of the ReLU; -infinity without
  int last;     // outputs in the last vector
  bool add, around;
};

template <int Rows, int Vectors>
void multiply_windows(windows const& w, float const* b, finish const& f, float* c, std::ptrdiff_t c_stride) {
  using simd::vec;
  vec sum[Rows][Vectors];
  FRCNN_UNROLL
  for (int i = 0; i < Rows; ++i) {
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[i][v] = vec(0.f);
  }
  for (int k = 0; k < w.kernel; ++k) {
    if (!w.row[k]) {
      b += static_cast<std::ptrdiff_t>(w.run) * Vectors * lanes;
      continue;
    }
    float const* a = w.row[k];
    for (float const* const end = a + w.run; a < end; ++a, b += Vectors * lanes) {
      vec weights[Vectors];
      FRCNN_UNROLL
      for (int v = 0; v < Vectors; ++v) weights[v] = simd::load(b + v * lanes);
      FRCNN_UNROLL
      for (int i = 0; i < Rows; ++i) {
        vec const factor(a[i * w.step]);
        FRCNN_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[i][v] = simd::fma(factor, weights[v], sum[i][v]);
      }
    }
  }
  vec const floor(f.floor);
  FRCNN_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    int const here = v + 1 < Vectors ? lanes : f.last;
    vec const bias = simd::load_first(f.bias + v * lanes, here);
    FRCNN_UNROLL
    for (int i = 0; i < Rows; ++i) {
      float* const to = c + i * c_stride + v * lanes;
      vec const out = simd::at_least((f.add ? simd::load_first(to, here) + sum[i][v] : sum[i][v]) + bias, floor);
      if (f.around) simd::stream(to, out);
      else if (here == lanes) simd::store(to, out);
      else simd::store_first(to, out, here);
    }
  }
}

template <int Vectors>
struct window_kernels {
  using kernel = void (*)(windows const&, float const*, finish const&, float*, std::ptrdiff_t);
  kernel rows[simd::tile_rows];
  constexpr window_kernels() : rows{} {
    [this]<int... I>(std::integer_sequence<int, I...>) { ((rows[I] = &multiply_windows<I + 1, Vectors>), ...); }
    (std::make_integer_sequence<int, simd::tile_rows>{});
  }
};
template <int Vectors>
inline constexpr window_kernels<Vectors> window_kernel{};

}  // namespace detail

// One row of outputs. row[k]: the rows of x under the kernel, of `width` pixels, nullptr outside the map.
inline void convolve_row(conv2d_spec const& s, float const* const* row, int width, float const* panels, float const* bias,
                         row_target const& to, float* memory) {
  FRCNN_ASSERT(s.kernel <= most_rows);
  float const floor = simd::relu_floor(s.relu);
  int const channels = s.in_channels, groups = (to.columns + simd::tile_rows - 1) / simd::tile_rows;
  detail::windows w{{}, static_cast<std::ptrdiff_t>(s.stride) * channels, s.kernel, s.kernel * channels};
  for (int g = 0; g < groups; ++g) {
    int const j0 = to.columns * g / groups, count = to.columns * (g + 1) / groups - j0;
    // Columns [x0, x1) of x, where they lie or, with zeros where they are outside, in `memory`.
    int const x0 = j0 * s.stride - s.pad, x1 = x0 + (count - 1) * s.stride + s.kernel;
    int const inside0 = std::clamp(std::clamp(x0, 0, width), x0, x1), inside1 = std::clamp(std::clamp(x1, 0, width), inside0, x1);
    float* copy = memory;
    for (int k = 0; k < s.kernel; ++k) {
      w.row[k] = row[k];
      if (!row[k]) continue;
      if (x0 == inside0 && x1 == inside1) {
        w.row[k] += static_cast<std::ptrdiff_t>(x0) * channels;
        continue;
      }
      w.row[k] = copy;
      copy = std::fill_n(copy, (inside0 - x0) * channels, 0.f);
      copy = std::copy_n(row[k] + static_cast<std::ptrdiff_t>(inside0) * channels, (inside1 - inside0) * channels, copy);
      copy = std::fill_n(copy, (x1 - inside1) * channels, 0.f);
    }
    for (int o = 0; o < s.out_channels; o += simd::panel) {
      int const here = std::min(simd::panel, s.out_channels - o), vectors = simd::rounded(here) / lanes;
      auto const multiply =
          (vectors == simd::tile_vectors ? detail::window_kernel<simd::tile_vectors>.rows : detail::window_kernel<1>.rows)[count - 1];
      multiply(w, panels + static_cast<std::ptrdiff_t>(o) * depth(s), {bias + o, floor, here - (vectors - 1) * lanes, to.add, to.around},
               to.y + static_cast<std::ptrdiff_t>(j0) * s.out_channels + o, s.out_channels);
    }
  }
}

// x [N, H, W, C] to y [N, Ho, Wo, O].
inline void convolve(cpu::context& c, conv2d_spec const& s, float const* x, shape<4> in, float const* panels, float const* bias, float* y,
                     bool add = false) {
  shape<4> const out = s.out_shape(in);
  std::ptrdiff_t const line = static_cast<std::ptrdiff_t>(in[3]) * s.in_channels,
                       out_line = static_cast<std::ptrdiff_t>(out[3]) * s.out_channels;
  bool const around = !add && s.out_channels % lanes == 0 && simd::goes_past_cache(y, out.size());
  cpu::context::frame const scope(c);
  std::size_t const rows = static_cast<std::size_t>(out[0]) * out[2], room = workspace(s);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, rows, 1)));
  parallel_for(c, rows, 1, [=](int worker, std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; ++at) {
      std::ptrdiff_t const image = static_cast<std::ptrdiff_t>(at) / out[2];
      int const top = static_cast<int>(at % static_cast<std::size_t>(out[2])) * s.stride - s.pad;
      float const* row[most_rows];
      for (int ky = 0; ky < s.kernel; ++ky) row[ky] = top + ky >= 0 && top + ky < in[2] ? x + (image * in[2] + top + ky) * line : nullptr;
      convolve_row(s, row, in[3], panels, bias, {y + static_cast<std::ptrdiff_t>(at) * out_line, out[3], add, around},
                   memory + room * static_cast<std::size_t>(worker));
    }
    if (around) simd::stream_done();
  });
}

}  // namespace frcnn::cpu_backend::direct
FRCNN_HIDDEN_END

#endif
