#pragma once
// The one-dimensional transforms of F(4x4, 3x3) (Lavin and Gray 2015, section 4.3; points 0, 1, -1, 2, -2, infinity), on vectors of channels.
//
//   y = A^T [ (G w) * (B^T d) ]      4 outputs of a 3-tap correlation over 6 inputs: 6 products instead of 12
// A two-dimensional transform is the one-dimensional one along rows, then along columns: 36 products instead of 144.
// The gradient by the weights runs the transposes: dw = G^T [ (B^T d) * (A dy) ].
// Each takes and gives arrays of vectors; s is the distance between neighbours, so that rows and columns are one code.
#include "frcnn/backend/cpu/simd.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

using simd::vec;

inline constexpr int outputs = 4, taps = 3, inputs = 6, products = inputs * inputs;

// 6 -> 6: B^T d
template <int S>
[[gnu::always_inline]] inline void transform_input(vec const* d, vec* t) {
  vec const four(4.f), five(5.f), two(2.f);
  vec const a = d[4 * S] - four * d[2 * S], b = d[3 * S] - four * d[1 * S];
  vec const c = d[4 * S] - d[2 * S], e = two * (d[3 * S] - d[1 * S]);
  t[0 * S] = simd::fma(four, d[0 * S], d[4 * S] - five * d[2 * S]);
  t[1 * S] = a + b;
  t[2 * S] = a - b;
  t[3 * S] = c + e;
  t[4 * S] = c - e;
  t[5 * S] = simd::fma(four, d[1 * S], d[5 * S] - five * d[3 * S]);
}

// 6 -> 4: A^T m
template <int S, int To>
[[gnu::always_inline]] inline void transform_output(vec const* m, vec* y) {
  vec const two(2.f), four(4.f), eight(8.f);
  vec const s1 = m[1 * S] + m[2 * S], d1 = m[1 * S] - m[2 * S], s2 = m[3 * S] + m[4 * S], d2 = m[3 * S] - m[4 * S];
  y[0 * To] = m[0 * S] + s1 + s2;
  y[1 * To] = simd::fma(two, d2, d1);
  y[2 * To] = simd::fma(four, s2, s1);
  y[3 * To] = simd::fma(eight, d2, d1) + m[5 * S];
}

// 4 -> 6: A dy
template <int S, int To>
[[gnu::always_inline]] inline void transform_output_gradient(vec const* dy, vec* m) {
  vec const two(2.f), four(4.f);
  vec const even = dy[0 * S] + dy[2 * S], odd = dy[1 * S] + dy[3 * S];
  vec const even2 = simd::fma(four, dy[2 * S], dy[0 * S]), odd2 = two * simd::fma(four, dy[3 * S], dy[1 * S]);
  m[0 * To] = dy[0 * S];
  m[1 * To] = even + odd;
  m[2 * To] = even - odd;
  m[3 * To] = even2 + odd2;
  m[4 * To] = even2 - odd2;
  m[5 * To] = dy[3 * S];
}

// 3 -> 6: G w
template <int S, int To>
[[gnu::always_inline]] inline void transform_weight(vec const* w, vec* u) {
  vec const quarter(1.f / 4), sixth(-1.f / 6), twelfth(1.f / 12), twenty_fourth(1.f / 24);
  vec const sum = w[0 * S] + w[2 * S], outer = simd::fma(vec(4.f), w[2 * S], w[0 * S]) * twenty_fourth, middle = w[1 * S] * twelfth;
  u[0 * To] = quarter * w[0 * S];
  u[1 * To] = sixth * (sum + w[1 * S]);
  u[2 * To] = sixth * (sum - w[1 * S]);
  u[3 * To] = outer + middle;
  u[4 * To] = outer - middle;
  u[5 * To] = w[2 * S];
}

// 6 -> 3: G^T u
template <int S, int To>
[[gnu::always_inline]] inline void transform_weight_gradient(vec const* u, vec* w) {
  vec const quarter(1.f / 4), sixth(-1.f / 6), twelfth(1.f / 12), twenty_fourth(1.f / 24);
  vec const near_sum = sixth * (u[1 * S] + u[2 * S]), near_difference = sixth * (u[1 * S] - u[2 * S]);
  vec const far_sum = u[3 * S] + u[4 * S], far_difference = u[3 * S] - u[4 * S];
  w[0 * To] = simd::fma(quarter, u[0 * S], simd::fma(twenty_fourth, far_sum, near_sum));
  w[1 * To] = simd::fma(twelfth, far_difference, near_difference);
  w[2 * To] = simd::fma(sixth, vec(0.f) - far_sum, near_sum) + u[5 * S];
}

}  // namespace frcnn::winograd

#endif
