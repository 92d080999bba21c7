#pragma once
// The one-dimensional transforms of F(4x4, 3x3) and F(6x6, 3x3) (Lavin and Gray 2015, section 4; points 0, 1, -1, 2, -2, for six outputs
// also 1/2, -1/2, and infinity), on vectors of channels.
//
//   y = A^T [ (G w) * (B^T d) ]      4 outputs of a 3-tap correlation over 6 inputs: 6 products instead of 12; 6 over 8: 8 instead of 18
// A two-dimensional transform is the one-dimensional one along rows, then along columns: 36 products instead of 144, 64 instead of 324.
// The gradient by the weights runs F(4x4, 3x3)'s transposes: dw = G^T [ (B^T d) * (A dy) ].
//
//   tile<M>::input(d, t)           B^T d
//   tile<M>::output_pair<P>(m, y)  outputs 2P and 2P + 1 of A^T m
//   tile<M>::weight<S, To>(w, u)   G w; neighbours lie S and To vectors apart, so that rows and columns are one code
// A single layer of F(6x6, 3x3) has twice the rounding of F(4x4, 3x3).
#include "frcnn/backend/cpu/simd.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

using simd::vec;

inline constexpr int taps = 3;

template <int Outputs>
struct tile;

template <>
struct tile<4> {
  static constexpr int outputs = 4, inputs = 6, products = inputs * inputs;

  [[gnu::always_inline]] static void input(vec const* d, vec* t) {
    vec const four(4.f), five(5.f), two(2.f);
    vec const a = d[4] - four * d[2], b = d[3] - four * d[1];
    vec const c = d[4] - d[2], e = two * (d[3] - d[1]);
    t[0] = simd::fma(four, d[0], d[4] - five * d[2]);
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = simd::fma(four, d[1], d[5] - five * d[3]);
  }

  template <int P>
  [[gnu::always_inline]] static void output_pair(vec const* m, vec* y) {
    vec const s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
    if constexpr (P == 0) {
      y[0] = m[0] + s1 + s2;
      y[1] = simd::fma(vec(2.f), d2, d1);
    } else {
      y[0] = simd::fma(vec(4.f), s2, s1);
      y[1] = simd::fma(vec(8.f), d2, d1) + m[5];
    }
  }

  template <int S, int To>
  [[gnu::always_inline]] static void weight(vec const* w, vec* u) {
    vec const quarter(1.f / 4), sixth(-1.f / 6), twelfth(1.f / 12), twenty_fourth(1.f / 24);
    vec const sum = w[0 * S] + w[2 * S], outer = simd::fma(vec(4.f), w[2 * S], w[0 * S]) * twenty_fourth, middle = w[1 * S] * twelfth;
    u[0 * To] = quarter * w[0 * S];
    u[1 * To] = sixth * (sum + w[1 * S]);
    u[2 * To] = sixth * (sum - w[1 * S]);
    u[3 * To] = outer + middle;
    u[4 * To] = outer - middle;
    u[5 * To] = w[2 * S];
  }

  // 4 -> 6: A dy
  template <int S, int To>
  [[gnu::always_inline]] static void output_gradient(vec const* dy, vec* m) {
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

  // 6 -> 3: G^T u
  template <int S, int To>
  [[gnu::always_inline]] static void weight_gradient(vec const* u, vec* w) {
    vec const quarter(1.f / 4), sixth(-1.f / 6), twelfth(1.f / 12), twenty_fourth(1.f / 24);
    vec const near_sum = sixth * (u[1 * S] + u[2 * S]), near_difference = sixth * (u[1 * S] - u[2 * S]);
    vec const far_sum = u[3 * S] + u[4 * S], far_difference = u[3 * S] - u[4 * S];
    w[0 * To] = simd::fma(quarter, u[0 * S], simd::fma(twenty_fourth, far_sum, near_sum));
    w[1 * To] = simd::fma(twelfth, far_difference, near_difference);
    w[2 * To] = simd::fma(sixth, vec(0.f) - far_sum, near_sum) + u[5 * S];
  }
};

template <>
struct tile<6> {
  static constexpr int outputs = 6, inputs = 8, products = inputs * inputs;

  [[gnu::always_inline]] static void input(vec const* d, vec* t) {
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

  template <int P>
  [[gnu::always_inline]] static void output_pair(vec const* m, vec* y) {
    vec const s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4], s3 = m[5] + m[6], d3 = m[5] - m[6];
    if constexpr (P == 0) {
      y[0] = (m[0] + s1) + (s2 + s3);
      y[1] = simd::fma(vec(.5f), d3, simd::fma(vec(2.f), d2, d1));
    } else if constexpr (P == 1) {
      y[0] = simd::fma(vec(.25f), s3, simd::fma(vec(4.f), s2, s1));
      y[1] = simd::fma(vec(.125f), d3, simd::fma(vec(8.f), d2, d1));
    } else {
      y[0] = simd::fma(vec(.0625f), s3, simd::fma(vec(16.f), s2, s1));
      y[1] = simd::fma(vec(.03125f), d3, simd::fma(vec(32.f), d2, d1)) + m[7];
    }
  }

  template <int S, int To>
  [[gnu::always_inline]] static void weight(vec const* w, vec* u) {
    vec const four(4.f), by_one(-2.f / 9);
    vec const sum = w[0 * S] + w[2 * S];
    vec const far = vec(1.f / 90) * simd::fma(four, w[2 * S], w[0 * S]), far_middle = vec(1.f / 45) * w[1 * S];
    vec const near = vec(8.f / 45) * simd::fma(four, w[0 * S], w[2 * S]), near_middle = vec(16.f / 45) * w[1 * S];
    u[0 * To] = w[0 * S];
    u[1 * To] = by_one * (sum + w[1 * S]);
    u[2 * To] = by_one * (sum - w[1 * S]);
    u[3 * To] = far + far_middle;
    u[4 * To] = far - far_middle;
    u[5 * To] = near + near_middle;
    u[6 * To] = near - near_middle;
    u[7 * To] = w[2 * S];
  }
};

// Which tile a layer uses, by its channels alone. F(6x6, 3x3) multiplies 21 % less; its factors, 7.1 floats for each weight, must not be so
// many that memory and what is kept grow past what it saves (256 to 512 channels: 34 MB).
constexpr int outputs_for(int channels, int out_channels) { return channels * out_channels <= 256 * 512 ? 6 : 4; }

// f(tile<4>{}) or f(tile<6>{}), as the layer uses.
template <class F>
decltype(auto) with_tile(int outputs, F&& f) {
  return outputs == 6 ? f(tile<6>{}) : f(tile<4>{});
}

}  // namespace frcnn::winograd

#endif
