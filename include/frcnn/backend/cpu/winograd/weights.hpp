#pragma once
// Weights [O, 3, 3, C] to the factors of the 36 products, in the order in which register tiles read them.
//
//   factors  [panels of `to` channels][products][from channels][panel]    (the last panel may be one vector wide)
//   forward: from C to O.   backward by data: from O to C, with the taps turned by 180 degrees.
// 36 / 9 = 4 floats for each weight, or 64 / 9 = 7.1. The gradient comes back as [36][O][C] sums. Where no tile is named it is the
// layer's own (outputs_for).
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/backend/cpu/winograd/transforms.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

template <class Tile>
constexpr std::size_t factors(int channels, int out_channels) {
  return static_cast<std::size_t>(Tile::products) * static_cast<std::size_t>(channels) * static_cast<std::size_t>(out_channels);
}
inline std::size_t factors(int channels, int out_channels) {
  return with_tile(outputs_for(channels, out_channels), [=]<class Tile>(Tile) { return factors<Tile>(channels, out_channels); });
}

// Vectors in the panel that begins at channel `first` of `channels`.
inline constexpr int panel_vectors(int first, int channels) { return channels - first >= simd::panel ? simd::tile_vectors : 1; }

namespace detail {

// 9 taps of a vector to its factors.
template <class Tile>
[[gnu::always_inline]] inline void taps_to_factors(vec const* w, vec* u) {
  vec t[Tile::inputs * taps];
  simd::unroll<taps>([&](auto j) { Tile::template weight<taps, taps>(w + j, t + j); });
  simd::unroll<Tile::inputs>([&](auto i) { Tile::template weight<1, 1>(t + i * taps, u + i * Tile::inputs); });
}

}  // namespace detail

template <class Tile>
void transform_weights(cpu::context const& c, float const* weight, int channels, int out_channels, float* out) {
  constexpr int products = Tile::products;
  std::size_t const tap = static_cast<std::size_t>(channels), row = tap * taps * taps;
  parallel_for(c, static_cast<std::size_t>(out_channels / simd::lanes) * (channels / simd::lanes), 1, [=](std::size_t begin, std::size_t end) {
    alignas(64) float square[products][simd::lanes * simd::lanes];  // [factor][o][c] of lanes x lanes weights
    for (std::size_t at = begin; at < end; ++at) {
      int const o0 = static_cast<int>(at / (channels / simd::lanes)) * simd::lanes, c0 = static_cast<int>(at % (channels / simd::lanes)) * simd::lanes;
      for (int o = 0; o < simd::lanes; ++o) {
        vec w[taps * taps], u[products];
        float const* const from = weight + static_cast<std::size_t>(o0 + o) * row + c0;
        for (int t = 0; t < taps * taps; ++t) w[t] = simd::load(from + t * tap);
        detail::taps_to_factors<Tile>(w, u);
        for (int q = 0; q < products; ++q) simd::store(square[q] + o * simd::lanes, u[q]);
      }
      int const first = o0 / simd::panel * simd::panel, width = panel_vectors(first, out_channels) * simd::lanes;
      float* const to = out + factors<Tile>(channels, first) + static_cast<std::size_t>(c0) * width + (o0 - first);
      for (int q = 0; q < products; ++q)
        simd::transpose(square[q], simd::lanes, to + static_cast<std::size_t>(q) * channels * width, width);
    }
  });
}

template <class Tile>
void transform_weights_backward(cpu::context const& c, float const* weight, int channels, int out_channels, float* out) {
  constexpr int products = Tile::products;
  std::size_t const tap = static_cast<std::size_t>(channels), row = tap * taps * taps;
  parallel_for(c, static_cast<std::size_t>(out_channels), 1, [=](std::size_t begin, std::size_t end) {
    for (std::size_t o = begin; o < end; ++o)
      for (int c0 = 0; c0 < channels; c0 += simd::lanes) {
        vec w[taps * taps], u[products];
        for (int t = 0; t < taps * taps; ++t) w[t] = simd::load(weight + o * row + (taps * taps - 1 - t) * tap + c0);
        detail::taps_to_factors<Tile>(w, u);
        int const first = c0 / simd::panel * simd::panel, width = panel_vectors(first, channels) * simd::lanes;
        float* const to = out + factors<Tile>(out_channels, first) + o * width + (c0 - first);
        for (int q = 0; q < products; ++q) simd::store(to + static_cast<std::size_t>(q) * out_channels * width, u[q]);
      }
  });
}

inline void transform_weights(cpu::context const& c, float const* weight, int channels, int out_channels, float* out) {
  with_tile(outputs_for(channels, out_channels),
            [&]<class Tile>(Tile) { transform_weights<Tile>(c, weight, channels, out_channels, out); });
}
inline void transform_weights_backward(cpu::context const& c, float const* weight, int channels, int out_channels, float* out) {
  with_tile(outputs_for(channels, out_channels),
            [&]<class Tile>(Tile) { transform_weights_backward<Tile>(c, weight, channels, out_channels, out); });
}

// dweight [O, 3, 3, C] = (add ? dweight : 0) + G^T sums G; sums [36][O][C].
inline void gather_weight_gradient(cpu::context const& c, float const* sums, int channels, int out_channels, float* dweight, bool add) {
  constexpr int inputs = tile<4>::inputs;
  std::size_t const matrix = static_cast<std::size_t>(channels) * out_channels;
  parallel_for(c, static_cast<std::size_t>(out_channels), 1, [=](std::size_t begin, std::size_t end) {
    for (std::size_t o = begin; o < end; ++o)
      for (int c0 = 0; c0 < channels; c0 += simd::lanes) {
        vec t[taps * inputs], w[taps];
        simd::unroll<inputs>([&](auto j) {
          vec u[inputs];
          simd::unroll<inputs>([&](auto i) { u[i] = simd::load(sums + (i * inputs + j) * matrix + o * channels + c0); });
          tile<4>::weight_gradient<1, inputs>(u, t + j);
        });
        simd::unroll<taps>([&](auto i) {
          tile<4>::weight_gradient<1, 1>(t + i * inputs, w);
          simd::unroll<taps>([&](auto j) {
            float* const to = dweight + ((o * taps + i) * taps + j) * channels + c0;
            simd::store(to, add ? simd::load(to) + w[j] : w[j]);
          });
        });
      }
  });
}

}  // namespace frcnn::winograd

#endif
