#pragma once
// Winograd: transforms of weights [O, 3, 3, C] to the factors of the 64 products, packed for the micro-kernel, and of 64 products back to a
// gradient by the weights.
//
//   factors  [panels of outputs][64][channels][panel]    (the last panel may be one vector wide); 64 / 9 = 7.1 floats for each weight
// Channels are those that are summed over: in a forward pass C, in the gradient by the input O, whose taps are turned by 180 degrees.
// A panel is transformed in two steps, so that little is touched at once: first its taps are laid side by side, then each of the eight rows
// of its factors is made from them.
#include "frcnn/backend/cpu/kernels/winograd/transforms.hpp"
#include "frcnn/backend/cpu/parallel.hpp"

#include <algorithm>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

constexpr std::size_t factors(int channels, int out_channels) {
  return static_cast<std::size_t>(products) * static_cast<std::size_t>(channels) * static_cast<std::size_t>(out_channels);
}

// Vectors in the panel that begins at channel `first` of `channels`.
constexpr int panel_vectors(int first, int channels) { return channels - first >= simd::panel ? simd::tile_vectors : 1; }
constexpr std::size_t panels_of(int channels) { return static_cast<std::size_t>((channels + simd::panel - 1) / simd::panel); }

// A layer's weights as its products are to read them: forward, or `turned` for the gradient by the input.
struct weights_view {
  float const* data;
  int channels, out_channels;  // summed over, and made
  bool turned = false;

  // The taps from channels c ... c + count to the panel of outputs from k: [count][9][panel]; count is a multiple of lanes.
  void taps_of(int c, int count, int k, float* out) const {
    constexpr int lanes = simd::lanes, all = taps * taps;
    int const width = panel_vectors(k, out_channels) * lanes;
    std::ptrdiff_t const row = static_cast<std::ptrdiff_t>(all) * channels;  // of the weights of one output
    if (turned) {
      for (int i = 0; i < count; ++i)
        for (int t = all - 1; t >= 0; --t, out += width) {
          float const* const from = data + (static_cast<std::ptrdiff_t>(c + i) * all + t) * out_channels + k;
          for (int v = 0; v < width; v += lanes) simd::store(out + v, simd::load(from + v));
        }
      return;
    }
    if (count == channels) simd::read_through(data + k * row, data + (k + width) * row);
    for (int at = 0; at < count; at += lanes)
      for (int t = 0; t < all; ++t)
        for (int v = 0; v < width; v += lanes)
          simd::transpose(data + (k + v) * row + static_cast<std::ptrdiff_t>(t) * channels + c + at, row,
                          out + (static_cast<std::ptrdiff_t>(at) * all + t) * width + v, all * width);
  }
};

// Row I of the factors of `count` channels from their taps [count][9][width]: factor (I, j) of channel c to u[j * stride + c * width].
template <int I>
void factor_row(float const* w, int count, int width, float* u, std::ptrdiff_t stride) {
  for (int c = 0; c < count; ++c, w += taps * taps * width, u += width)
    for (int v = 0; v < width; v += simd::lanes) {
      vec row[taps], out[inputs];
      FRCNN_UNROLL
      for (int j = 0; j < taps; ++j) {
        vec column[taps], all[inputs];
        FRCNN_UNROLL
        for (int i = 0; i < taps; ++i) column[i] = simd::load(w + (i * taps + j) * width + v);
        weight(column, all);
        row[j] = all[I];  // the compiler leaves out the others
      }
      weight(row, out);
      FRCNN_UNROLL
      for (int j = 0; j < inputs; ++j) simd::store(u + j * stride + v, out[j]);
    }
}

// All factors of a layer.
inline void transform_weights(cpu::context const& c, weights_view w, float* out) {
  constexpr int lanes = simd::lanes;
  std::size_t const blocks = static_cast<std::size_t>(w.channels / lanes);
  parallel_for(c, panels_of(w.out_channels) * blocks, 1, [=](std::size_t begin, std::size_t end) {
    alignas(64) float side_by_side[lanes * taps * taps * simd::panel];
    for (std::size_t at = begin; at < end; ++at) {
      int const k = static_cast<int>(at / blocks) * simd::panel, first = static_cast<int>(at % blocks) * lanes;
      int const width = panel_vectors(k, w.out_channels) * lanes;
      std::ptrdiff_t const stride = static_cast<std::ptrdiff_t>(w.channels) * width;
      float* const to = out + factors(w.channels, k) + static_cast<std::ptrdiff_t>(first) * width;
      w.taps_of(first, lanes, k, side_by_side);
      simd::unroll<inputs>([&](auto i) { factor_row<i>(side_by_side, lanes, width, to + i * inputs * stride, stride); });
    }
  });
}

// One vector of G^T sums G: factor q of it lies at sums[q * stride], tap t goes to dw[t * tap].
inline void gather_taps(float const* sums, std::ptrdiff_t stride, float* dw, std::ptrdiff_t tap, bool add) {
  vec t[taps][inputs];
  FRCNN_UNROLL
  for (int j = 0; j < inputs; ++j) {
    vec column[inputs], w[taps];
    FRCNN_UNROLL
    for (int i = 0; i < inputs; ++i) column[i] = simd::load(sums + (i * inputs + j) * stride);
    weight_gradient(column, w);
    FRCNN_UNROLL
    for (int i = 0; i < taps; ++i) t[i][j] = w[i];
  }
  FRCNN_UNROLL
  for (int i = 0; i < taps; ++i) {
    vec w[taps];
    weight_gradient(t[i], w);
    FRCNN_UNROLL
    for (int j = 0; j < taps; ++j) {
      float* const to = dw + (i * taps + j) * tap;
      simd::store(to, add ? simd::load(to) + w[j] : w[j]);
    }
  }
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
