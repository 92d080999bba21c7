#pragma once
// Winograd: the one-dimensional transforms of F(6x6, 3x3) (Lavin and Gray 2015, section 4; points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity),
// on vectors of channels.
//
//   y = A^T [ (G w) * (B^T d) ]      6 outputs of a 3-tap correlation over 8 inputs: 8 products instead of 18
// A two-dimensional transform is the one-dimensional one along rows, then along columns: 64 products instead of 324. The gradient by the
// weights runs the transposes: dw = G^T [ (B^T d) * (A dy) ].
//
//   input<M>(d, t)            B^T d     M + 2 to 8
//   output<M>(m, y)           A^T m     8 to M
//   weight(w, u)              G w       3 to 8
//   output_gradient<M>(dy, m) A dy      M to 8
//   weight_gradient(u, w)     G^T u     8 to 3
// M is 6, or 4 or 2 at the end of a map: fewer outputs from some of the same points, and so by the same factors of the weights. They need
// M + 2 of the eight products, those that needs(M, q) tells; the others are neither read nor written.
// The relative L2 error of a layer is about 1e-6, four times direct convolution's; F(4x4, 3x3) has half of it for 27 % more products,
// F(8x8, 3x3) ten times as much for 12 % fewer.
#include "frcnn/backend/cpu/kernels/simd.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

using simd::vec;

inline constexpr int outputs = 6, inputs = 8, products = inputs * inputs, taps = 3;

// Points come in pairs, of which M outputs need the first M / 2, between 0 and infinity.
constexpr bool needs(int m, int q) { return q <= m || q == inputs - 1; }

template <int M>
[[gnu::always_inline]] inline void input(vec const* d, vec* t);
template <>
[[gnu::always_inline]] inline void input<6>(vec const* d, vec* t) {
  vec const half(.5f), two(2.f), four(4.f), five_halves(-2.5f);
  t[0] = simd::fma(vec(5.25f), d[4] - d[2], d[0] - d[6]);
  t[7] = simd::fma(vec(5.25f), d[3] - d[5], d[7] - d[1]);
  {
    vec const even = simd::fma(vec(-4.25f), d[4], d[2] + d[6]), odd = simd::fma(vec(-4.25f), d[3], d[1] + d[5]);
    t[1] = even + odd;
    t[2] = even - odd;
  }
  {
    vec const even = simd::fma(vec(-1.25f), d[4], simd::fma(vec(.25f), d[2], d[6]));
    vec const odd = simd::fma(two, d[5], simd::fma(five_halves, d[3], half * d[1]));
    t[3] = even + odd;
    t[4] = even - odd;
  }
  {
    vec const even = simd::fma(vec(-5.f), d[4], simd::fma(four, d[2], d[6]));
    vec const odd = simd::fma(half, d[5], simd::fma(five_halves, d[3], two * d[1]));
    t[5] = even + odd;
    t[6] = even - odd;
  }
}

template <>
[[gnu::always_inline]] inline void input<4>(vec const* d, vec* t) {
  vec const three_quarters(.75f), minus_three(-3.f), outer(3.75f), twice_outer(7.5f);
  t[0] = simd::fma(vec(.25f), d[4], simd::fma(vec(-1.25f), d[2], d[0]));
  t[7] = simd::fma(vec(4.f), d[1], simd::fma(vec(-5.f), d[3], d[5]));
  vec const even = simd::fma(three_quarters, d[4], minus_three * d[2]), odd = simd::fma(three_quarters, d[3], minus_three * d[1]);
  t[1] = even + odd;
  t[2] = even - odd;
  vec const outer_even = outer * (d[4] - d[2]), outer_odd = twice_outer * (d[3] - d[1]);
  t[3] = outer_even + outer_odd;
  t[4] = outer_even - outer_odd;
}
template <>
[[gnu::always_inline]] inline void input<2>(vec const* d, vec* t) {
  vec const scale(-2.25f);
  t[0] = d[0] - d[2];
  t[7] = d[3] - d[1];
  t[1] = scale * (d[2] + d[1]);
  t[2] = scale * (d[2] - d[1]);
}

template <int M>
[[gnu::always_inline]] inline void output(vec const* m, vec* y);
template <>
[[gnu::always_inline]] inline void output<6>(vec const* m, vec* y) {
  vec const s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4], s3 = m[5] + m[6], d3 = m[5] - m[6];
  y[0] = (m[0] + s1) + (s2 + s3);
  y[1] = simd::fma(vec(.5f), d3, simd::fma(vec(2.f), d2, d1));
  y[2] = simd::fma(vec(.25f), s3, simd::fma(vec(4.f), s2, s1));
  y[3] = simd::fma(vec(.125f), d3, simd::fma(vec(8.f), d2, d1));
  y[4] = simd::fma(vec(.0625f), s3, simd::fma(vec(16.f), s2, s1));
  y[5] = simd::fma(vec(.03125f), d3, simd::fma(vec(32.f), d2, d1)) + m[7];
}

template <>
[[gnu::always_inline]] inline void output<4>(vec const* m, vec* y) {
  vec const s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
  y[0] = (m[0] + s1) + s2;
  y[1] = simd::fma(vec(2.f), d2, d1);
  y[2] = simd::fma(vec(4.f), s2, s1);
  y[3] = simd::fma(vec(8.f), d2, d1) + m[7];
}
template <>
[[gnu::always_inline]] inline void output<2>(vec const* m, vec* y) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = (m[1] - m[2]) + m[7];
}

[[gnu::always_inline]] inline void weight(vec const* w, vec* u) {
  vec const four(4.f), by_one(-2.f / 9);
  vec const sum = w[0] + w[2];
  vec const outer = vec(1.f / 90) * simd::fma(four, w[2], w[0]), outer_middle = vec(1.f / 45) * w[1];
  vec const inner = vec(8.f / 45) * simd::fma(four, w[0], w[2]), inner_middle = vec(16.f / 45) * w[1];
  u[0] = w[0];
  u[1] = by_one * (sum + w[1]);
  u[2] = by_one * (sum - w[1]);
  u[3] = outer + outer_middle;
  u[4] = outer - outer_middle;
  u[5] = inner + inner_middle;
  u[6] = inner - inner_middle;
  u[7] = w[2];
}

template <int M>
[[gnu::always_inline]] inline void output_gradient(vec const* dy, vec* m);
template <>
[[gnu::always_inline]] inline void output_gradient<6>(vec const* dy, vec* m) {
  vec const quarter(.25f), half(.5f), two(2.f), four(4.f), sixteenth(.0625f), sixteen(16.f);
  vec const even = (dy[0] + dy[2]) + dy[4], odd = (dy[1] + dy[3]) + dy[5];
  vec const outer_even = simd::fma(sixteen, dy[4], simd::fma(four, dy[2], dy[0]));
  vec const outer_odd = two * simd::fma(sixteen, dy[5], simd::fma(four, dy[3], dy[1]));
  vec const inner_even = simd::fma(sixteenth, dy[4], simd::fma(quarter, dy[2], dy[0]));
  vec const inner_odd = half * simd::fma(sixteenth, dy[5], simd::fma(quarter, dy[3], dy[1]));
  m[0] = dy[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = outer_even + outer_odd;
  m[4] = outer_even - outer_odd;
  m[5] = inner_even + inner_odd;
  m[6] = inner_even - inner_odd;
  m[7] = dy[5];
}
template <>
[[gnu::always_inline]] inline void output_gradient<4>(vec const* dy, vec* m) {
  vec const two(2.f), four(4.f);
  vec const even = dy[0] + dy[2], odd = dy[1] + dy[3];
  vec const outer_even = simd::fma(four, dy[2], dy[0]), outer_odd = two * simd::fma(four, dy[3], dy[1]);
  m[0] = dy[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = outer_even + outer_odd;
  m[4] = outer_even - outer_odd;
  m[7] = dy[3];
}
template <>
[[gnu::always_inline]] inline void output_gradient<2>(vec const* dy, vec* m) {
  m[0] = dy[0];
  m[1] = dy[0] + dy[1];
  m[2] = dy[0] - dy[1];
  m[7] = dy[1];
}

[[gnu::always_inline]] inline void weight_gradient(vec const* u, vec* w) {
  vec const by_one(-2.f / 9), four(4.f);
  vec const one_sum = by_one * (u[1] + u[2]), one_difference = by_one * (u[1] - u[2]);
  vec const outer_sum = vec(1.f / 90) * (u[3] + u[4]), outer_difference = vec(1.f / 45) * (u[3] - u[4]);
  vec const inner_sum = vec(8.f / 45) * (u[5] + u[6]), inner_difference = vec(16.f / 45) * (u[5] - u[6]);
  w[0] = simd::fma(four, inner_sum, outer_sum) + (one_sum + u[0]);
  w[1] = (outer_difference + inner_difference) + one_difference;
  w[2] = simd::fma(four, outer_sum, inner_sum) + (one_sum + u[7]);
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
