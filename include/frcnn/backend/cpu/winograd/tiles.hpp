#pragma once
// Between maps [.., W, C] and transformed tiles: a window (8 x 8) of one vector of channels to its products' factors, and the products' sums
// to a block of outputs (6 x 6) with bias, ReLU and, where it follows, 2 x 2 pooling.
//
// Rows of a map are given by pointers, so that a map may live in a ring of rows; nullptr is a row outside the map (zero).
#include "frcnn/backend/cpu/winograd/transforms.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// Where the columns x0 ... x0 + inputs - 1 of a window lie: all inside [0, width), or padded with zeros.
struct window {
  float const* row[inputs];
  int x0, width;
  std::ptrdiff_t pixel;  // floats from one pixel to the next

  bool inside() const {
    bool rows = true;
    for (auto const* r : row) rows = rows && r;
    return rows && x0 >= 0 && x0 + inputs <= width;
  }
};

namespace detail {

// row(i): the window's first pixel of row i. A row's transform is followed by a prefetch of what the window to the right adds to it: rows
// lie too far apart for the processor to see a stream, and asked for all at once they would wait for each other.
template <class Row>
[[gnu::always_inline]] inline void window_to_products(Row row, std::ptrdiff_t pixel, bool next, float* v, std::ptrdiff_t stride) {
  alignas(64) float half_way[products * simd::lanes];
  vec d[inputs], t[inputs];
  for (int i = 0; i < inputs; ++i) {
    float const* const p = row(i);
    simd::unroll<inputs>([&](auto j) { d[j] = simd::load(p + j * pixel); });
    if (next) simd::unroll<outputs>([&](auto j) { __builtin_prefetch(p + (inputs + j) * pixel, 0, 2); });
    input(d, t);
    simd::unroll<inputs>([&](auto j) { simd::store(half_way + (i * inputs + j) * simd::lanes, t[j]); });
  }
  for (int j = 0; j < inputs; ++j) {
    simd::unroll<inputs>([&](auto i) { d[i] = simd::load(half_way + (i * inputs + j) * simd::lanes); });
    input(d, t);
    simd::unroll<inputs>([&](auto i) { simd::store(v + (i * inputs + j) * stride, t[i]); });
  }
}

}  // namespace detail

// v[q * stride] = factor q of channels [at, at + lanes), q = 0 ... products - 1.
inline void transform_window(window const& w, bool inside, std::ptrdiff_t at, float* v, std::ptrdiff_t stride) {
  if (inside) {
    std::ptrdiff_t const first = w.x0 * w.pixel + at;
    detail::window_to_products([&](int i) { return w.row[i] + first; }, w.pixel, true, v, stride);
    return;
  }
  alignas(64) float patch[products * simd::lanes];
  for (int i = 0; i < inputs; ++i)
    for (int j = 0; j < inputs; ++j) {
      int const x = w.x0 + j;
      bool const there = w.row[i] && x >= 0 && x < w.width;
      simd::store(patch + (i * inputs + j) * simd::lanes, there ? simd::load(w.row[i] + x * w.pixel + at) : vec(0.f));
    }
  detail::window_to_products([&](int i) { return static_cast<float const*>(patch) + i * inputs * simd::lanes; }, simd::lanes,
                                   false, v, stride);
}

// What happens to a block on its way into the map, in this order: bias; what the map holds already is added (a residual, or gradients of
// earlier writers); ReLU; pooling, 2 x 2 with stride 2, where `row` are rows of the pooled map. Who pools does not add.
struct epilogue {
  float const* bias = nullptr;  // [K]; nullptr: none
  bool add = false, relu = false, pool = false;
};

// Rows row[0 ... rows) of the map (pooled: half as many), columns from x0, `columns` of them inside the map.
struct block_target {
  float* row[outputs];
  int rows, x0, columns;
  std::ptrdiff_t pixel;
  bool past_cache = false;  // the map is larger than a cache: written around it. Every vector of it is then aligned
};

// The sums m[q * stride] of one vector of channels to its block, two rows at a time.
inline void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  vec const bias = e.bias ? simd::load(e.bias + at) : vec(0.f), zero(0.f);
  simd::unroll<outputs / 2>([&](auto pair) {
    vec t[2][inputs], o[2][outputs];
    simd::unroll<inputs>([&](auto j) {
      vec column[inputs], two[2];
      simd::unroll<inputs>([&](auto i) { column[i] = simd::load(m + (i * inputs + j) * stride); });
      output_pair<pair>(column, two);
      t[0][j] = two[0];
      t[1][j] = two[1];
    });
    simd::unroll<2>([&](auto r) {
      simd::unroll<outputs / 2>([&](auto p) { output_pair<p>(t[r], o[r] + 2 * p); });
      if (e.bias) simd::unroll<outputs>([&](auto j) { o[r][j] = o[r][j] + bias; });
      if (e.add && 2 * pair + r < to.rows) {
        float const* const held = to.row[2 * pair + r] + to.x0 * to.pixel + at;
        simd::unroll<outputs>([&](auto j) {
          if (j < to.columns) o[r][j] = simd::load(held + j * to.pixel) + o[r][j];
        });
      }
      if (e.relu) simd::unroll<outputs>([&](auto j) { o[r][j] = xsimd::select(o[r][j] < zero, zero, o[r][j]); });  // NaN stays NaN
    });
    if (e.pool) {
      if (pair < to.rows)
        for (int j = 0; j < to.columns; ++j)
          simd::store(to.row[pair] + (to.x0 + j) * to.pixel + at,
                      simd::max(simd::max(o[0][2 * j], o[0][2 * j + 1]), simd::max(o[1][2 * j], o[1][2 * j + 1])));
      return;
    }
    simd::unroll<2>([&](auto r) {
      if (2 * pair + r >= to.rows) return;
      float* const first = to.row[2 * pair + r] + to.x0 * to.pixel + at;
      if (to.columns < outputs)
        for (int j = 0; j < to.columns; ++j) simd::store(first + j * to.pixel, o[r][j]);
      else if (to.past_cache)
        simd::unroll<outputs>([&](auto j) { simd::stream(first + j * to.pixel, o[r][j]); });
      else
        simd::unroll<outputs>([&](auto j) { simd::store(first + j * to.pixel, o[r][j]); });
    });
  });
}

}  // namespace frcnn::winograd

#endif
