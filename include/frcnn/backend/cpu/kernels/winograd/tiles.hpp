#pragma once
// Winograd: transforms between maps [.., W, C] and tiles: a window (8 x 8) of one vector of channels to the 64 factors of its products, and
// the 64 products to a block of outputs (6 x 6) with bias, ReLU and, where it follows, 2 x 2 pooling.
//
// Rows of a map are given by pointers, so that a map may live in a ring of rows; nullptr is a row outside the map (zero).
#include "frcnn/backend/cpu/kernels/winograd/windows.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

// Channels of both sides are whole vectors.
constexpr bool serves(int channels, int out_channels) { return channels % simd::lanes == 0 && out_channels % simd::lanes == 0; }

// Where the 64 factors of one vector of channels go: factor q to first[q * stride].
struct factor_places {
  float* first;
  std::ptrdiff_t stride;
  bool past_cache = false;  // those of whole tiles by non-temporal stores; they are aligned then
};

namespace detail {

// row(i): the window's first pixel of row i. To the factors that Rows x Columns outputs need.
template <int Rows, int Columns, auto Store = simd::store, class Row>
[[gnu::always_inline]] inline void window_to_products(Row row, std::ptrdiff_t pixel, factor_places const& to) {
  alignas(64) float half_way[(Rows + 2) * inputs * simd::lanes];
  vec d[inputs], t[inputs];
  for (int i = 0; i < Rows + 2; ++i) {
    float const* const p = row(i);
    FRCNN_UNROLL
    for (int j = 0; j < Columns + 2; ++j) d[j] = simd::load_once(p + j * pixel);
    input<Columns>(d, t);
    FRCNN_UNROLL
    for (int j = 0; j < inputs; ++j)
      if (needs(Columns, j)) simd::store(half_way + (i * inputs + j) * simd::lanes, t[j]);
  }
  for (int j = 0; j < inputs; ++j) {
    if (!needs(Columns, j)) continue;
    FRCNN_UNROLL
    for (int i = 0; i < Rows + 2; ++i) d[i] = simd::load_once(half_way + (i * inputs + j) * simd::lanes);
    input<Rows>(d, t);
    FRCNN_UNROLL
    for (int i = 0; i < inputs; ++i)
      if (needs(Rows, i)) Store(to.first + (i * inputs + j) * to.stride, t[i]);
  }
}

}  // namespace detail

// Channels [at, at + lanes) to their factors, as far as the window's kind of tile needs them.
inline void transform_window(window const& w, bool inside, std::ptrdiff_t at, factor_places const& to) {
  if (inside) {
    std::ptrdiff_t const first = w.x0 * w.pixel + at;
    auto const row = [&](int i) { return w.row[i] + first; };
    if (to.past_cache) detail::window_to_products<outputs, outputs, simd::stream>(row, w.pixel, to);
    else detail::window_to_products<outputs, outputs>(row, w.pixel, to);
    return;
  }
  with_kind(
      w.kind, [&]<int Rows, int Columns>() __attribute__((noinline)) {
        alignas(64) float patch[(Rows + 2) * (Columns + 2) * simd::lanes];
        for (int i = 0; i < Rows + 2; ++i)
          for (int j = 0; j < Columns + 2; ++j) {
            int const x = w.x0 + j;
            bool const there = w.row[i] && x >= 0 && x < w.width;
            simd::store(patch + (i * (Columns + 2) + j) * simd::lanes, there ? simd::load(w.row[i] + x * w.pixel + at) : vec(0.f));
          }
        detail::window_to_products<Rows, Columns>([&](int i) { return static_cast<float const*>(patch) + i * (Columns + 2) * simd::lanes; },
                                                  simd::lanes, to);
      });
}

// What happens to a block on its way into the map, in this order: bias; what the map holds already is added (a residual, or gradients of
// earlier writers); ReLU; pooling, 2 x 2 with stride 2, where `row` are rows of the pooled map. Who pools does not add.
struct epilogue {
  float const* bias = nullptr;  // [K]; nullptr: none
  bool add = false, relu = false, pool = false;
};

// Rows row[0 ... rows) of the map, columns from x0, `columns` of them: what the kind has (pooled: half of it) or, at the end, less.
struct block_target {
  float* row[outputs];
  int rows, x0, columns;
  std::ptrdiff_t pixel;
  bool past_cache = false;  // by non-temporal stores: the map is larger than L2. Every vector of it is aligned then
  tile_kind kind = {};
};

namespace detail {

template <int Columns>
[[gnu::always_inline]] inline void write_row(vec const* o, block_target const& to, int i, std::ptrdiff_t at) {
  float* const first = to.row[i] + to.x0 * to.pixel + at;
  if (to.columns < Columns) {
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j)
      if (j < to.columns) simd::store(first + j * to.pixel, o[j]);
  } else if (to.past_cache) {
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j) simd::stream(first + j * to.pixel, o[j]);
  } else {
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j) simd::store(first + j * to.pixel, o[j]);
  }
}

template <int Rows, int Columns>
void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  alignas(64) float half_way[Rows * inputs * simd::lanes];
  vec const bias = e.bias ? simd::load(e.bias + at) : vec(0.f), floor(simd::relu_floor(e.relu));
  for (int j = 0; j < inputs; ++j) {
    if (!needs(Columns, j)) continue;
    vec column[inputs], t[Rows];
    FRCNN_UNROLL
    for (int i = 0; i < inputs; ++i)
      if (needs(Rows, i)) column[i] = simd::load_once(m + (i * inputs + j) * stride);
    output<Rows>(column, t);
    FRCNN_UNROLL
    for (int i = 0; i < Rows; ++i) simd::store(half_way + (i * inputs + j) * simd::lanes, t[i]);
  }
  auto const row_of = [&](int i, vec* o) __attribute__((always_inline)) {
    vec t[inputs];
    FRCNN_UNROLL
    for (int j = 0; j < inputs; ++j)
      if (needs(Columns, j)) t[j] = simd::load_once(half_way + (i * inputs + j) * simd::lanes);
    output<Columns>(t, o);
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j) o[j] = o[j] + bias;
  };
  auto const rectify = [&](vec * o) __attribute__((always_inline)) {
    FRCNN_UNROLL
    for (int j = 0; j < Columns; ++j) o[j] = simd::at_least(o[j], floor);
  };
  vec o[Columns], below[Columns];
  if (e.pool) {
    for (int i = 0; i < to.rows; ++i) {
      row_of(2 * i, o);
      row_of(2 * i + 1, below);
      rectify(o);
      rectify(below);
      FRCNN_UNROLL
      for (int j = 0; j < Columns / 2; ++j) o[j] = simd::max(simd::max(o[2 * j], o[2 * j + 1]), simd::max(below[2 * j], below[2 * j + 1]));
      write_row<Columns / 2>(o, to, i, at);
    }
    return;
  }
  for (int i = 0; i < to.rows; ++i) {
    row_of(i, o);
    if (e.add) {
      float const* const before = to.row[i] + to.x0 * to.pixel + at;
      FRCNN_UNROLL
      for (int j = 0; j < Columns; ++j)
        if (j < to.columns) o[j] = simd::load(before + j * to.pixel) + o[j];
    }
    rectify(o);
    write_row<Columns>(o, to, i, at);
  }
}

}  // namespace detail

// The sums m[q * stride] of one vector of channels to its block.
inline void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  with_kind(to.kind, [&]<int Rows, int Columns>() { detail::finish_block<Rows, Columns>(m, stride, e, to, at); });
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
