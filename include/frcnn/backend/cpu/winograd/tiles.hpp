#pragma once
// Between maps [.., W, C] and transformed tiles: a 6 x 6 window of one vector of channels to its 36 products' factors, and 36 sums to a
// 4 x 4 block of outputs with bias, ReLU and, where it follows, 2 x 2 pooling.
//
// Rows of a map are given by pointers, so that a map may live in a ring of rows; nullptr is a row outside the map (zero).
#include "frcnn/backend/cpu/winograd/transforms.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// Where the columns x0 ... x0 + 5 of a window lie: all inside [0, width), or padded with zeros.
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

template <class Load>
[[gnu::always_inline]] inline void window_to_products(Load load, float* v, std::ptrdiff_t stride) {
  // Three rows of products at a time: 18 vectors stay in registers, 36 would not.
  vec const four(4.f), five(5.f), two(2.f);
  vec t[3][inputs], out[inputs];
  simd::unroll<inputs>([&](auto j) {
    vec const d0 = load(0, j), d1 = load(1, j), d2 = load(2, j), d3 = load(3, j), d4 = load(4, j);
    vec const a = d4 - four * d2, b = d3 - four * d1;
    t[0][j] = simd::fma(four, d0, d4 - five * d2);
    t[1][j] = a + b;
    t[2][j] = a - b;
  });
  simd::unroll<3>([&](auto i) {
    transform_input<1>(t[i], out);
    simd::unroll<inputs>([&](auto j) { simd::store(v + (i * inputs + j) * stride, out[j]); });
  });
  simd::unroll<inputs>([&](auto j) {
    vec const d1 = load(1, j), d2 = load(2, j), d3 = load(3, j), d4 = load(4, j), d5 = load(5, j);
    vec const c = d4 - d2, e = two * (d3 - d1);
    t[0][j] = c + e;
    t[1][j] = c - e;
    t[2][j] = simd::fma(four, d1, d5 - five * d3);
  });
  simd::unroll<3>([&](auto i) {
    transform_input<1>(t[i], out);
    simd::unroll<inputs>([&](auto j) { simd::store(v + ((i + 3) * inputs + j) * stride, out[j]); });
  });
}

}  // namespace detail

// v[q * stride] = factor q of channels [at, at + lanes), q = 0 ... 35.
inline void transform_window(window const& w, bool inside, std::ptrdiff_t at, float* v, std::ptrdiff_t stride) {
  if (inside) {
    std::ptrdiff_t const first = w.x0 * w.pixel + at;
    detail::window_to_products([&](auto i, auto j) { return simd::load(w.row[i] + first + j * w.pixel); }, v, stride);
    return;
  }
  alignas(64) float patch[products * simd::lanes];
  for (int i = 0; i < inputs; ++i)
    for (int j = 0; j < inputs; ++j) {
      int const x = w.x0 + j;
      bool const there = w.row[i] && x >= 0 && x < w.width;
      simd::store(patch + (i * inputs + j) * simd::lanes, there ? simd::load(w.row[i] + x * w.pixel + at) : vec(0.f));
    }
  detail::window_to_products([&](auto i, auto j) { return simd::load(patch + (i * inputs + j) * simd::lanes); }, v, stride);
}

// The 4 x 4 outputs of 36 sums m[q * stride]: o[i * 4 + j].
[[gnu::always_inline]] inline void products_to_block(float const* m, std::ptrdiff_t stride, vec* o) {
  vec t[outputs][inputs];
  simd::unroll<inputs>([&](auto j) {
    vec column[inputs], r[outputs];
    simd::unroll<inputs>([&](auto i) { column[i] = simd::load(m + (i * inputs + j) * stride); });
    transform_output<1, 1>(column, r);
    simd::unroll<outputs>([&](auto i) { t[i][j] = r[i]; });
  });
  simd::unroll<outputs>([&](auto i) { transform_output<1, 1>(t[i], o + i * outputs); });
}

// What happens to a block on its way into the map. Pooling is 2 x 2, stride 2, and then `row` are rows of the pooled map.
struct epilogue {
  float const* bias = nullptr;  // [K]; nullptr: none
  bool relu = false, pool = false, add = false;
};

// Rows row[0 ... rows) of the map (pooled: half as many), columns from x0, `columns` of them inside the map.
struct block_target {
  float* row[outputs];
  int rows, x0, columns;
  std::ptrdiff_t pixel;
};

inline void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  vec o[outputs * outputs];
  products_to_block(m, stride, o);
  if (e.bias) {
    vec const b = simd::load(e.bias + at);
    simd::unroll<outputs * outputs>([&](auto i) { o[i] = o[i] + b; });
  }
  if (e.relu) {
    vec const zero(0.f);
    simd::unroll<outputs * outputs>([&](auto i) { o[i] = xsimd::select(o[i] < zero, zero, o[i]); });  // NaN stays NaN
  }
  if (e.pool) {
    for (int i = 0; i < to.rows; ++i)
      for (int j = 0; j < to.columns; ++j) {
        vec const* const q = o + i * 2 * outputs + j * 2;
        simd::store(to.row[i] + (to.x0 + j) * to.pixel + at, simd::max(simd::max(q[0], q[1]), simd::max(q[outputs], q[outputs + 1])));
      }
    return;
  }
  if (to.rows == outputs && to.columns == outputs && !e.add) {
    simd::unroll<outputs>([&](auto i) {
      simd::unroll<outputs>([&](auto j) { simd::store(to.row[i] + (to.x0 + j) * to.pixel + at, o[i * outputs + j]); });
    });
    return;
  }
  for (int i = 0; i < to.rows; ++i)
    for (int j = 0; j < to.columns; ++j) {
      float* const p = to.row[i] + (to.x0 + j) * to.pixel + at;
      simd::store(p, e.add ? simd::load(p) + o[i * outputs + j] : o[i * outputs + j]);
    }
}

}  // namespace frcnn::winograd

#endif
