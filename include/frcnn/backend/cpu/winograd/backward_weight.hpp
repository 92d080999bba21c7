#pragma once
// The gradient of a 3 x 3 convolution (stride 1, padding 1) by its weights, by the transposed transforms of F(6x6, 3x3):
//
//   dw = G^T [ sum over tiles of (A dy A^T) * (B^T x B) ] G       64 products [O, tiles] x [tiles, C]
// Tiles go in blocks whose factors stay in the shared cache. Threads share the transforms of a block; then each takes panels of O by panels
// of C: the 64 sums of a panel by a panel stay in its own cache, and go into the gradient from there. Every sum has one order whatever the
// threads.
#include "frcnn/backend/cpu/winograd/block.hpp"
#include "frcnn/backend/cpu/winograd/map_tiles.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

namespace detail {

// dy's block of one vector of channels (zero outside the map) to its factors v[q * stride].
template <int Rows, int Columns>
void block_to_factors(block_target const& from, std::ptrdiff_t at, float* v, std::ptrdiff_t stride) {
  alignas(64) float half_way[inputs * Columns * simd::lanes];  // [inputs][Columns]
  vec d[Rows], t[inputs];
  bool const whole = from.rows == Rows && from.columns == Columns;
  for (int j = 0; j < Columns; ++j) {
    std::ptrdiff_t const column = (from.x0 + j) * from.pixel + at;
    if (whole)
      simd::unroll<Rows>([&](auto i) { d[i] = simd::load_once(from.row[i] + column); });
    else
      simd::unroll<Rows>([&](auto i) { d[i] = i < from.rows && j < from.columns ? simd::load(from.row[i] + column) : vec(0.f); });
    output_gradient<Rows>(d, t);
    simd::unroll<inputs>([&](auto i) {
      if constexpr (needs(Rows, i)) simd::store(half_way + (i * Columns + j) * simd::lanes, t[i]);
    });
  }
  vec o[Columns];
  for (int i = 0; i < inputs; ++i) {
    if (!needs(Rows, i)) continue;
    simd::unroll<Columns>([&](auto j) { o[j] = simd::load_once(half_way + (i * Columns + j) * simd::lanes); });
    output_gradient<Columns>(o, t);
    simd::unroll<inputs>([&](auto j) {
      if constexpr (needs(Columns, j)) simd::store(v + (i * inputs + j) * stride, t[j]);
    });
  }
}

// c [Rows, vectors * lanes] = a^T b over `depth` tiles: Rows columns of a, whose rows lie a_stride apart, and b [depth][b_stride].
template <int Rows, int Vectors>
void multiply_transposed(float const* a, std::ptrdiff_t a_stride, float const* b, std::ptrdiff_t b_stride, int depth, float* c,
                         std::ptrdiff_t c_stride) {
  vec sum[Rows][Vectors];
  simd::unroll<Rows>([&](auto i) { simd::unroll<Vectors>([&](auto v) { sum[i][v] = vec(0.f); }); });
  for (int k = 0; k < depth; ++k, a += a_stride, b += b_stride) {
    vec row[Vectors];
    simd::unroll<Vectors>([&](auto v) { row[v] = simd::load(b + v * simd::lanes); });
    simd::unroll<Rows>([&](auto i) {
      vec const factor(a[i]);
      simd::unroll<Vectors>([&](auto v) { sum[i][v] = simd::fma(factor, row[v], sum[i][v]); });
    });
  }
  simd::unroll<Rows>([&](auto i) { simd::unroll<Vectors>([&](auto v) { simd::store(c + i * c_stride + v * simd::lanes, sum[i][v]); }); });
}

// The factors of a block of tiles, panel by panel: [panels][64][rows][panel].
struct panelled_factors {
  float* data;
  int channels;
  std::ptrdiff_t rows;

  // So many more rows than tiles that a tile's 64 factors do not fall into one set of a cache.
  static std::ptrdiff_t rows_for(std::size_t tiles) { return static_cast<std::ptrdiff_t>(tiles) + 3; }
  static std::size_t size(int channels, std::size_t tiles) {
    return static_cast<std::size_t>(products * rows_for(tiles)) * static_cast<std::size_t>(channels);
  }

  // Of the panel from channel p: its first factor, and floats from one factor to the next.
  float* panel(int p) const { return data + products * rows * p; }
  std::ptrdiff_t stride(int p) const { return rows * panel_vectors(p, channels) * simd::lanes; }
  // f(at, to, stride) for each vector of channels: tile i's first factor of those from `at`.
  template <class F>
  void for_each_vector(std::size_t i, F f) const {
    for (int at = 0; at < channels; at += simd::lanes) {
      int const p = at / simd::panel * simd::panel;
      f(at, panel(p) + static_cast<std::ptrdiff_t>(i) * panel_vectors(p, channels) * simd::lanes + (at - p), stride(p));
    }
  }
};

}  // namespace detail

// dweight [O, 3, 3, C] = (add ? dweight : 0) + the gradient; x [N, H, W, C], dy [N, H, W, O].
inline void backward_weight(cpu::context& c, int channels, int out_channels, float const* x, float const* dy, shape<4> dims, float* dweight,
                            bool add) {
  constexpr int lanes = simd::lanes, panel = simd::panel, rows = std::min(8, lanes);
  map_tiles const map(x, dims, channels, const_cast<float*>(dy), out_channels, {}),
      map_of_dy(dy, dims, out_channels, nullptr, 0, {});  // read only
  // 8 MiB of factors in all; sums over at least 64 tiles pay for gathering them, those over 128 have factors of a panel that leave the own
  // cache.
  std::size_t const fitting = (std::size_t{2} << 20) / (products * static_cast<std::size_t>(channels + out_channels));
  std::size_t const most = std::clamp<std::size_t>(fitting, 64, 128), blocks = std::max<std::size_t>(1, (map.size() + most - 1) / most);
  std::size_t const longest = (map.size() + blocks - 1) / blocks;
  cpu::context::frame const scope(c);
  detail::panelled_factors const of_x{c.scratch_of<float>(detail::panelled_factors::size(channels, longest)), channels,
                                      detail::panelled_factors::rows_for(longest)};
  detail::panelled_factors const of_dy{c.scratch_of<float>(detail::panelled_factors::size(out_channels, longest)), out_channels, of_x.rows};
  std::size_t const c_panels = panels_of(channels), tasks = panels_of(out_channels) * c_panels;
  std::ptrdiff_t const sum_stride = apart(panel * panel);
  std::size_t const room = products * static_cast<std::size_t>(sum_stride);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, tasks, 1)));

  for (std::size_t b = 0; b < blocks; ++b) {
    std::size_t const first = map.size() * b / blocks, count = map.size() * (b + 1) / blocks - first;
    bool const sum = add || b > 0;
    parallel_for(c, count, 8, [=, &map, &map_of_dy](std::size_t begin, std::size_t end) {
      window_reader reader(channels), reader_of_dy(out_channels);
      for (std::size_t i = begin; i < end; ++i) {
        reader.before(i, end, [&](std::size_t t) { return map.window_of(first + t); });
        reader_of_dy.before(i, end, [&](std::size_t t) { return map_of_dy.window_of(first + t); });
        window const w = map.window_of(first + i);
        bool const inside = w.inside();
        of_x.for_each_vector(i, [&](int at, float* to, std::ptrdiff_t stride) { transform_window(w, inside, at, to, stride); });
        block_target const from = map.target_of(first + i);
        with_kind(from.kind, [&]<int Rows, int Columns>() {
          of_dy.for_each_vector(
              i, [&](int at, float* to, std::ptrdiff_t stride) { detail::block_to_factors<Rows, Columns>(from, at, to, stride); });
        });
      }
    });
    parallel_for(c, tasks, 1, [=, &map](int worker, std::size_t begin, std::size_t end) {
      float* const sums = memory + room * static_cast<std::size_t>(worker);  // [64][panel of O][panel of C]
      for (std::size_t task = begin; task < end; ++task) {
        int const o = static_cast<int>(task / c_panels) * panel, at = static_cast<int>(task % c_panels) * panel;
        int const vectors = panel_vectors(at, channels), height = panel_vectors(o, out_channels) * lanes, width = vectors * lanes;
        float const *a = of_dy.panel(o), *b = of_x.panel(at);
        auto const multiply =
            vectors == simd::tile_vectors ? detail::multiply_transposed<rows, simd::tile_vectors> : detail::multiply_transposed<rows, 1>;
        for (int q = 0; q < products; ++q, a += of_dy.stride(o), b += of_x.stride(at)) {
          auto const [need, stop] = map.which_need(q);
          std::size_t const begin = std::max(need, first), end = std::max(begin, std::min(stop, first + count));
          std::ptrdiff_t const skip = static_cast<std::ptrdiff_t>(begin - first);
          for (int r = 0; r < height; r += rows)
            multiply(a + skip * height + r, height, b + skip * width, width, static_cast<int>(end - begin),
                     sums + q * sum_stride + r * width, width);
        }
        for (int r = 0; r < height; ++r)
          for (int l = 0; l < width; l += lanes)
            gather_taps(sums + r * width + l, sum_stride, dweight + static_cast<std::ptrdiff_t>(o + r) * taps * taps * channels + at + l,
                        channels, sum);
      }
    });
  }
}

}  // namespace frcnn::winograd

#endif
