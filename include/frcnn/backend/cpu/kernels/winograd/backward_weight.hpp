#pragma once
// Winograd: the gradient of a 3 x 3 convolution (stride 1, padding 1) by its weights, by the transposed transforms of F(6x6, 3x3):
//
//   dw = G^T [ sum over tiles of (A dy A^T) * (B^T x B) ] G       64 products [O, tiles] x [tiles, C]
// Tiles go in blocks whose factors stay in the shared cache. Threads share the transforms of a block; then each takes panels of O by panels
// of C: the 64 sums of a panel by a panel stay in its L2, and go into the gradient from there. Two threads take a half of the tiles
// each where that is worth a second gradient. Every sum has one order whatever the threads.
#include "frcnn/backend/cpu/kernels/winograd/block.hpp"
#include "frcnn/backend/cpu/kernels/winograd/map_tiles.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

namespace detail {

template <int Rows, int Columns, auto Store = simd::store>
void block_to_factors(block_target const& from, std::ptrdiff_t at, factor_places const& to) {
  alignas(64) float half_way[inputs * Columns * simd::lanes];  // [inputs][Columns]
  vec d[Rows], t[inputs];
  bool const whole = from.rows == Rows && from.columns == Columns;
  for (int j = 0; j < Columns; ++j) {
    std::ptrdiff_t const column = (from.x0 + j) * from.pixel + at;
    if (whole) {
      FRCNN_UNROLL
      for (int i = 0; i < Rows; ++i) d[i] = simd::load_once(from.row[i] + column);
    } else {
      FRCNN_UNROLL
      for (int i = 0; i < Rows; ++i) d[i] = i < from.rows && j < from.columns ? simd::load(from.row[i] + column) : vec(0.f);
    }
    output_gradient<Rows>(d, t);
    FRCNN_UNROLL
    for (int i = 0; i < inputs; ++i)
      if (needs(Rows, i)) simd::store(half_way + (i * Columns + j) * simd::lanes, t[i]);
  }
  vec o[Columns];
  for (int i = 0; i < inputs; ++i) {
    if (!needs(Rows, i)) continue;
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j) o[j] = simd::load_once(half_way + (i * Columns + j) * simd::lanes);
    output_gradient<Columns>(o, t);
    FRCNN_UNROLL
    for (int j = 0; j < inputs; ++j)
      if (needs(Columns, j)) Store(to.first + (i * inputs + j) * to.stride, t[j]);
  }
}

// dy's block of channels [at, at + lanes), zero outside the map, to its factors.
inline void transform_block(block_target const& from, std::ptrdiff_t at, factor_places const& to) {
  if (to.past_cache && from.kind.whole()) return block_to_factors<outputs, outputs, simd::stream>(from, at, to);
  with_kind(from.kind, [&]<int Rows, int Columns>() { block_to_factors<Rows, Columns>(from, at, to); });
}

// c [Rows, vectors * lanes] = a^T b over `depth` tiles: Rows columns of a, whose rows lie a_stride apart, and b [depth][b_stride].
template <int Rows, int Vectors>
void multiply_transposed(float const* a, std::ptrdiff_t a_stride, float const* b, std::ptrdiff_t b_stride, int depth, float* c,
                         std::ptrdiff_t c_stride) {
  vec sum[Rows][Vectors];
  FRCNN_UNROLL
  for (int i = 0; i < Rows; ++i) {
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[i][v] = vec(0.f);
  }
  for (int k = 0; k < depth; ++k, a += a_stride, b += b_stride) {
    vec row[Vectors];
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) row[v] = simd::load(b + v * simd::lanes);
    FRCNN_UNROLL
    for (int i = 0; i < Rows; ++i) {
      vec const factor(a[i]);
      FRCNN_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[i][v] = simd::fma(factor, row[v], sum[i][v]);
    }
  }
  FRCNN_UNROLL
  for (int i = 0; i < Rows; ++i) {
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) simd::store(c + i * c_stride + v * simd::lanes, sum[i][v]);
  }
}

// The factors of a block of tiles, panel by panel: [panels][64][rows][panel].
struct panelled_factors {
  float* data;
  int channels;
  std::ptrdiff_t rows;
  bool past_cache;

  // So many more rows than tiles that a tile's 64 factors do not fall into one set of a cache.
  static std::ptrdiff_t rows_for(std::size_t tiles) { return static_cast<std::ptrdiff_t>(tiles) + 3; }
  static std::size_t size(int channels, std::size_t tiles) {
    return static_cast<std::size_t>(products * rows_for(tiles)) * static_cast<std::size_t>(channels);
  }

  // Of the panel from channel p: its first factor, and floats from one factor to the next.
  float* panel(int p) const { return data + products * rows * p; }
  std::ptrdiff_t stride(int p) const { return rows * panel_vectors(p, channels) * simd::lanes; }
  // f(at, places) for each vector of channels: those of tile i's factors of channels from `at`.
  template <class F>
  void for_each_vector(std::size_t i, F f) const {
    for (int at = 0; at < channels; at += simd::lanes) {
      int const p = at / simd::panel * simd::panel;
      f(at, factor_places{panel(p) + static_cast<std::ptrdiff_t>(i) * panel_vectors(p, channels) * simd::lanes + (at - p), stride(p),
                          past_cache});
    }
  }
};

// Whether the sums over one half of the tiles, and over the other, are added in the end. With two threads each takes half of the tiles:
// without a shared L3, recomputing factors is cheaper than fetching them from the other core. For large weights the reduction would cost
// more than it saves.
constexpr bool goes_by_halves(std::size_t tiles, int channels, int out_channels) {
  return tiles >= 256 && channels * out_channels <= 256 * 256;
}

// The sums over some of a map's tiles.
struct weight_gradient_sums {
  int channels, out_channels;
  map_tiles const& map;        // windows of x, blocks of dy
  map_tiles const& map_of_dy;  // windows of dy, to be read ahead
  std::size_t most;            // tiles of a block
  bool past_cache;             // factors are written with non-temporal stores

  // Floats of memory that add_tiles needs for so many tiles, and so many workers.
  std::size_t room(std::size_t tiles, int workers) const {
    std::size_t const longest = std::min(tiles, most);
    return panelled_factors::size(channels, longest) + panelled_factors::size(out_channels, longest) +
           sums * static_cast<std::size_t>(workers);
  }

  // dweight = (add ? dweight : 0) + the sums over tiles [begin, end). each(n, grain, f): parallel_for, or the calling thread alone.
  template <class Each>
  void add_tiles(std::size_t begin, std::size_t end, float* dweight, bool add, float* memory, Each each) const {
    std::size_t const tiles = end - begin, blocks = std::max<std::size_t>(1, (tiles + most - 1) / most),
                      longest = (tiles + blocks - 1) / blocks;
    panelled_factors const of_x{memory, channels, panelled_factors::rows_for(longest), past_cache};
    panelled_factors const of_dy{memory + panelled_factors::size(channels, longest), out_channels, of_x.rows, past_cache};
    float* const sums_of_all = of_dy.data + panelled_factors::size(out_channels, longest);
    std::size_t const tasks = panels_of(out_channels) * panels_of(channels);
    for (std::size_t b = 0; b < blocks; ++b) {
      std::size_t const first = begin + tiles * b / blocks, count = begin + tiles * (b + 1) / blocks - first;
      bool const sum = add || b > 0;
      each(count, 8, [=, this](int, std::size_t from, std::size_t to) { transform(of_x, of_dy, first, from, to); });
      each(tasks, 1, [=, this](int worker, std::size_t from, std::size_t to) {
        for (std::size_t task = from; task < to; ++task)
          multiply(of_x, of_dy, first, count, static_cast<int>(task), sums_of_all + sums * static_cast<std::size_t>(worker), dweight, sum);
      });
    }
  }

 private:
  static constexpr std::ptrdiff_t sum_stride = apart(simd::panel * simd::panel);
  static constexpr std::size_t sums = products * static_cast<std::size_t>(sum_stride);  // of a panel of O by a panel of C

  // Tiles first + [from, to) to their factors.
  void transform(panelled_factors of_x, panelled_factors of_dy, std::size_t first, std::size_t from, std::size_t to) const {
    window_reader reader(channels), reader_of_dy(out_channels);
    for (std::size_t i = from; i < to; ++i) {
      reader.before(i, to, [&](std::size_t t) { return map.window_of(first + t); });
      reader_of_dy.before(i, to, [&](std::size_t t) { return map_of_dy.window_of(first + t); });
      window const w = map.window_of(first + i);
      bool const inside = w.inside();
      of_x.for_each_vector(i, [&](int at, factor_places const& to) { transform_window(w, inside, at, to); });
      block_target const block = map.target_of(first + i);
      of_dy.for_each_vector(i, [&](int at, factor_places const& to) { transform_block(block, at, to); });
    }
    if (past_cache) simd::stream_done();
  }

  // A panel of O by a panel of C, over tiles first + [0, count).
  void multiply(panelled_factors of_x, panelled_factors of_dy, std::size_t first, std::size_t count, int task, float* sums, float* dweight,
                bool add) const {
    constexpr int lanes = simd::lanes, panel = simd::panel, rows = std::min(8, lanes);
    int const c_panels = static_cast<int>(panels_of(channels)), o = task / c_panels * panel, at = task % c_panels * panel;
    int const vectors = panel_vectors(at, channels), height = panel_vectors(o, out_channels) * lanes, width = vectors * lanes;
    float const *a = of_dy.panel(o), *b = of_x.panel(at);
    auto const product = vectors == simd::tile_vectors ? multiply_transposed<rows, simd::tile_vectors> : multiply_transposed<rows, 1>;
    float* const dw = dweight + static_cast<std::ptrdiff_t>(o) * taps * taps * channels + at;
    std::ptrdiff_t const row = static_cast<std::ptrdiff_t>(taps) * taps * channels;  // of the gradient, of one output
    for (int q = 0; q < products; ++q, a += of_dy.stride(o), b += of_x.stride(at)) {
      // The gradient's lines, which the sums will go into, are fetched a few at a time.
      for (int line = q; line < height * vectors; line += products)
        for (int t = 0; t < taps * taps; ++t) __builtin_prefetch(dw + line / vectors * row + t * channels + line % vectors * lanes, 1);
      auto const [need, stop] = map.which_need(q);
      std::size_t const begin = std::max(need, first), end = std::max(begin, std::min(stop, first + count));
      std::ptrdiff_t const skip = static_cast<std::ptrdiff_t>(begin - first);
      for (int r = 0; r < height; r += rows)
        product(a + skip * height + r, height, b + skip * width, width, static_cast<int>(end - begin), sums + q * sum_stride + r * width,
                width);
    }
    for (int r = 0; r < height; ++r)
      for (int l = 0; l < width; l += lanes) gather_taps(sums + r * width + l, sum_stride, dw + r * row + l, channels, add);
  }
};

}  // namespace detail

// dweight [O, 3, 3, C] = (add ? dweight : 0) + the gradient; x [N, H, W, C], dy [N, H, W, O].
inline void backward_weight(cpu::context& c, int channels, int out_channels, float const* x, float const* dy, shape<4> dims, float* dweight,
                            bool add) {
  map_tiles const map(x, dims, channels, const_cast<float*>(dy), out_channels, {}),
      map_of_dy(dy, dims, out_channels, nullptr, 0, {});  // read only
  // 8 MiB of factors in all; sums over at least 64 tiles pay for gathering them, those over 128 have factors of a panel that leave
  // L2. Larger blocks are written with non-temporal stores: a plain store would first fetch its line, from another worker's L2.
  std::size_t const fitting = (std::size_t{2} << 20) / (products * static_cast<std::size_t>(channels + out_channels));
  std::size_t const most = std::clamp<std::size_t>(fitting, 64, 128);
  std::size_t const tiles = map.size();
  bool const past_cache = simd::stores_whole_lines && std::min(tiles, most) > fitting;
  detail::weight_gradient_sums const gradient{channels, out_channels, map, map_of_dy, most, past_cache};
  auto const together = [&](std::size_t n, std::size_t grain, auto f) { parallel_for(c, n, grain, f); };
  auto const alone = [](std::size_t n, std::size_t, auto f) { f(0, std::size_t{0}, n); };

  cpu::context::frame const scope(c);
  if (!detail::goes_by_halves(tiles, channels, out_channels))
    return gradient.add_tiles(0, tiles, dweight, add, c.scratch_of<float>(gradient.room(tiles, c.threads())), together);

  std::size_t const half = tiles / 2, size = static_cast<std::size_t>(out_channels) * taps * taps * channels;
  float* const second = c.scratch_of<float>(size);
  if (c.threads() == 2) {
    std::size_t const room = gradient.room(tiles - half, 1);
    float* const memory = c.scratch_of<float>(2 * room);
    parallel_runs(c, 2, 1, [&](int worker, std::size_t, std::size_t) {
      if (worker == 0) gradient.add_tiles(0, half, dweight, add, memory, alone);
      else gradient.add_tiles(half, tiles, second, false, memory + room, alone);
    });
  } else {
    float* const memory = c.scratch_of<float>(gradient.room(tiles - half, c.threads()));
    gradient.add_tiles(0, half, dweight, add, memory, together);
    gradient.add_tiles(half, tiles, second, false, memory, together);
  }
  parallel_for(c, size, 1 << 14, [=](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) dweight[i] += second[i];
  });
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
