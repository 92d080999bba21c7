#pragma once
// The gradient of a 3 x 3 convolution (stride 1, padding 1) by its weights, by the transposed transforms of F(4x4, 3x3):
//
//   dw = G^T [ sum over tiles of (A dy A^T) * (B^T x B) ] G       36 products [O, tiles] x [tiles, C]
// Tiles go in blocks whose factors stay in cache as long as two matrices of channels do; each block adds to the sums. Threads share the
// transforms of a block, then each takes output channels of its own: every sum has one order whatever the threads.
#include "frcnn/backend/cpu/winograd/convolve.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

namespace detail {

using four = tile<4>;

// dy's 4 x 4 block of one vector of channels (zero outside the map) to 36 factors v[q * stride].
inline void block_to_factors(block_target<four> const& from, std::ptrdiff_t at, float* v, std::ptrdiff_t stride) {
  constexpr int inputs = four::inputs, outputs = four::outputs;
  vec d[outputs * outputs], t[inputs * outputs];
  if (from.rows == outputs && from.columns == outputs) {
    simd::unroll<outputs>([&](auto i) {
      simd::unroll<outputs>([&](auto j) { d[i * outputs + j] = simd::load(from.row[i] + (from.x0 + j) * from.pixel + at); });
    });
  } else {
    for (auto& zero : d) zero = vec(0.f);
    for (int i = 0; i < from.rows; ++i)
      for (int j = 0; j < from.columns; ++j) d[i * outputs + j] = simd::load(from.row[i] + (from.x0 + j) * from.pixel + at);
  }
  simd::unroll<outputs>([&](auto j) { four::output_gradient<outputs, outputs>(d + j, t + j); });
  simd::unroll<inputs>([&](auto i) {
    vec out[inputs];
    four::output_gradient<1, 1>(t + i * outputs, out);
    simd::unroll<inputs>([&](auto j) { simd::store(v + (i * inputs + j) * stride, out[j]); });
  });
}

// sum [Rows, vectors * lanes] += a^T b over `depth` tiles: a [depth][lanes] of which Rows columns from the first, b [depth][b_stride].
template <int Rows, int Vectors>
void multiply_transposed(float const* a, float const* b, std::ptrdiff_t b_stride, int depth, float* c, std::ptrdiff_t c_stride, bool add) {
  vec sum[Rows][Vectors];
  simd::unroll<Rows>([&](auto i) { simd::unroll<Vectors>([&](auto v) { sum[i][v] = vec(0.f); }); });
  for (int k = 0; k < depth; ++k, a += simd::lanes, b += b_stride) {
    vec row[Vectors];
    simd::unroll<Vectors>([&](auto v) { row[v] = simd::load(b + v * simd::lanes); });
    simd::unroll<Rows>([&](auto i) {
      vec const factor(a[i]);
      simd::unroll<Vectors>([&](auto v) { sum[i][v] = simd::fma(factor, row[v], sum[i][v]); });
    });
  }
  simd::unroll<Rows>([&](auto i) {
    simd::unroll<Vectors>([&](auto v) {
      float* const to = c + i * c_stride + v * simd::lanes;
      simd::store(to, add ? simd::load(to) + sum[i][v] : sum[i][v]);
    });
  });
}

}  // namespace detail

// dweight [O, 3, 3, C] = (add ? dweight : 0) + the gradient; x [N, H, W, C], dy [N, H, W, O].
inline void backward_weight(cpu::context& c, int channels, int out_channels, float const* x, float const* dy, shape<4> dims, float* dweight,
                            bool add) {
  using four = tile<4>;
  constexpr int products = four::products, outputs = four::outputs;
  constexpr int lanes = simd::lanes, rows = std::min(8, lanes);
  int const height = dims[2], width = dims[3], tiles_x = tiles_along(width, outputs), per_image = tiles_along(height, outputs) * tiles_x;
  std::size_t const tiles = static_cast<std::size_t>(dims[0]) * per_image;
  // As many tiles as keep both sides' factors within some 24 MiB, in equal blocks; not so many that one register's rounding shows (2992 in
  // one sum: 1.1e-5 relative L2).
  std::size_t const fitting = (std::size_t{6} << 20) / (products * static_cast<std::size_t>(channels + out_channels));
  std::size_t const most = std::clamp<std::size_t>(fitting, 64, 1024);
  std::size_t const blocks = std::max<std::size_t>(1, (tiles + most - 1) / most), block = (tiles + blocks - 1) / blocks;
  cpu::context::frame const scope(c);
  std::size_t const matrix = static_cast<std::size_t>(channels) * out_channels;
  float* const sums = c.scratch_of<float>(products * matrix);                           // [36][O][C]
  std::ptrdiff_t const v_stride = apart(block * channels), g_stride = apart(block * out_channels);
  float* const v = c.scratch_of<float>(products * static_cast<std::size_t>(v_stride));  // [36][C / panel][block][panel]
  float* const g = c.scratch_of<float>(products * static_cast<std::size_t>(g_stride));  // [36][O / lanes][block][lanes]
  map_windows<four> const windows{x, height, width, channels};
  map_targets<four> const blocks_of{const_cast<float*>(dy), height, width, out_channels};  // read only

  for (std::size_t b = 0; b < blocks; ++b) {
    std::size_t const first = tiles * b / blocks, count = tiles * (b + 1) / blocks - first;
    parallel_for(c, count, 8, [=](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        int const image = static_cast<int>((first + i) / per_image), in_image = static_cast<int>((first + i) % per_image);
        window<four> const w = windows(image, in_image / tiles_x, in_image % tiles_x);
        bool const inside = w.inside();
        for (int at = 0; at < channels; at += lanes) {
          int const p0 = at / simd::panel * simd::panel, pw = panel_vectors(p0, channels) * lanes;
          transform_window(w, inside, at, v + static_cast<std::ptrdiff_t>(p0) * block + static_cast<std::ptrdiff_t>(i) * pw + (at - p0), v_stride);
        }
        block_target<four> const from = blocks_of(image, in_image / tiles_x, in_image % tiles_x);
        for (int at = 0; at < out_channels; at += lanes)
          detail::block_to_factors(from, at, g + static_cast<std::ptrdiff_t>(at) * block + static_cast<std::ptrdiff_t>(i) * lanes, g_stride);
      }
    });
    // A task is one product's band of output channels: its rows of factors stay in the nearest cache while C passes by.
    std::size_t const bands = static_cast<std::size_t>(out_channels / lanes);
    parallel_for(c, products * bands, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t task = begin; task < end; ++task) {
        std::size_t const q = task / bands, o = task % bands * lanes;
        float const* const a = g + q * g_stride + o * block;
        for (int at = 0; at < channels; at += simd::panel) {
          int const vectors = panel_vectors(at, channels);
          float const* const bb = v + q * v_stride + static_cast<std::ptrdiff_t>(at) * block;
          for (int r = 0; r < lanes; r += rows) {
            float* const to = sums + q * matrix + (o + r) * channels + at;
            (vectors == simd::tile_vectors ? detail::multiply_transposed<rows, simd::tile_vectors> : detail::multiply_transposed<rows, 1>)(
                a + r, bb, vectors * lanes, static_cast<int>(count), to, channels, b > 0);
          }
        }
      }
    });
  }
  gather_weight_gradient(c, sums, channels, out_channels, dweight, add);
}

}  // namespace frcnn::winograd

#endif
