#pragma once
// Which kernel convolves on the engine fast. The rule looks at the shape alone, so that runs repeat bit for bit; bench/ proves it.
//
//   3x3, stride 1, pad 1, whole vectors of channels    our Winograd: forward, backward by data (both by tiles, or by panels:
//                                                      goes_by_panels, has_few_tiles), backward by weight
//   anything else                                      forward: our direct kernel, in bf16 oneDNN's; backward: oneDNN
// Where the build's vectors are narrower than AVX2's (simd::worthwhile) everything is oneDNN's. Where there is no oneDNN, or it has no kernel
// that may run (onednn/library.hpp), forward is direct and in float, backward the portable engine's. So is forward with a kernel of more than
// the 16 rows that the direct one takes, and with narrow vectors and no oneDNN.
// In bf16 Winograd's products stay in float: a fourth of the products beats half the price of each.
#include "frcnn/backend/cpu/kept_weights.hpp"
#include "frcnn/backend/cpu/onednn/conv2d.hpp"
#include "frcnn/backend/cpu/portable/conv2d.hpp"
#include "frcnn/ops/conv2d.hpp"

#if FRCNN_HAS_FAST
#include "frcnn/backend/cpu/kernels/direct.hpp"
#include "frcnn/backend/cpu/kernels/winograd/backward_weight.hpp"
#include "frcnn/backend/cpu/kernels/winograd/convolve.hpp"
#include "frcnn/backend/cpu/kernels/winograd/convolve_by_panels.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::fast {

constexpr bool is_winograd(conv2d_spec const& s) {
  return simd::worthwhile && s.kernel == 3 && s.stride == 1 && s.pad == 1 && winograd::serves(s.in_channels, s.out_channels);
}

// Winograd from weights that are transformed where they are multiplied: there is nothing to convert.
constexpr bool is_by_panels(conv2d_spec const& s) { return is_winograd(s) && winograd::goes_by_panels(s.in_channels, s.out_channels); }

// The weights as Winograd by tiles or the direct kernel reads them; in scratch of the caller's frame unless they are kept.
inline float const* converted(cpu::context& c, conv2d_spec const& s, cpu_weights<float> const& w) {
  bool const is_tiled = is_winograd(s);
  std::size_t const size = is_tiled ? winograd::factors(s.in_channels, s.out_channels) : direct::panel_floats(s);
  auto const make = [&](float* memory) {
    if (is_tiled) winograd::transform_weights(c, {w.data, s.in_channels, s.out_channels}, memory);
    else direct::pack_weights(c, s, w.data, memory);
  };
  if (w.keep && c.options().keep_transforms)
    return w.keep->get(is_tiled ? weight_layout::winograd : weight_layout::panels, w.version, size, make);
  float* const memory = c.scratch_of<float>(size);
  make(memory);
  return memory;
}

// A layer of Winograd's on whole maps; the pool behind it, where it is pooled.
inline void tiled(cpu::context& c, conv2d_spec const& s, cpu_activation<float> x, cpu_weights<float> const& w, winograd::epilogue const& e,
                  float* y) {
  bool const kept = w.keep && c.options().keep_transforms;
  if (is_by_panels(s) || (!kept && winograd::has_few_tiles(x.dims, s.out_channels)))
    return winograd::convolve_by_panels(c, {w.data, s.in_channels, s.out_channels}, e, x.data, x.dims, y);
  cpu::context::frame const scope(c);
  winograd::convolve(c, {s.in_channels, s.out_channels, converted(c, s, w), e}, x.data, x.dims, y);
}

// residual: what y holds is added before the ReLU.
inline void forward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_weights<float> const& weight, float const* bias,
                    cpu_activation<float> y, bool residual = false) {
#if FRCNN_HAS_ONEDNN
  bool const few_channels = spec.in_channels < simd::lanes;
  bool const bf16 = weight.keep && c.options().precision == compute::bf16 && !few_channels;
  if (!is_winograd(spec) && (bf16 || !simd::worthwhile)) {
    onednn::packed* const place = weight.keep && c.options().keep_transforms ? &weight.keep->blocked : nullptr;
    onednn::forward_options const o{residual ? y : cpu_activation<float>{}, bf16 ? compute::bf16 : compute::exact};
    if (onednn::forward(c, spec, x, {weight.data, place, weight.version}, bias, y, o)) return;
  }
#endif
  if (is_winograd(spec)) return tiled(c, spec, x, weight, {.bias = bias, .add = residual, .relu = spec.relu}, y.data);
  if (spec.kernel > direct::most_rows || !(simd::worthwhile || has_onednn || residual)) {
    if (residual)
      throw error("convolution", "a kernel of at most " + std::to_string(direct::most_rows) + " to add to what is there",
                  std::to_string(spec.kernel));
    shape<1> const weights{{spec.out_channels * spec.kernel * spec.kernel * spec.in_channels}};
    return portable::conv2d::forward<float>(c, spec, x, {weight.data, weights}, {bias, {{spec.out_channels}}}, y);
  }
  cpu::context::frame const scope(c);
  direct::convolve(c, spec, x.data, x.dims, converted(c, spec, weight), bias, y.data, residual);
}

// dy is masked already; nullptr is not computed.
inline void backward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_activation<float> dy, float const* weight,
                     float* dweight, writing how, cpu_activation<float> dx, writing dx_how) {
  bool const is_tiled = is_winograd(spec);
  shape<1> const weights{{spec.out_channels * spec.kernel * spec.kernel * spec.in_channels}};
  auto const portably = [&](float* dw, cpu_activation<float> to) {
    portable::conv2d::backward<float>(c, spec, x, dy, {weight, weights}, {dw, weights}, how, to, dx_how);
  };
  // False: not computed; oneDNN is not there, or has no kernel that may run.
  auto const dweight_by_onednn = [&] {
#if FRCNN_HAS_ONEDNN
    return onednn::backward_weight(c, spec, x, dy, dweight, how);
#endif
    return false;
  };
  auto const dx_by_onednn = [&] {
#if FRCNN_HAS_ONEDNN
    return onednn::backward_data(c, spec, dy, weight, dx, dx_how);
#endif
    return false;
  };
  if (dweight && is_tiled)
    winograd::backward_weight(c, spec.in_channels, spec.out_channels, x.data, dy.data, x.dims, dweight, how == writing::add);
  else if (dweight && !dweight_by_onednn()) portably(dweight, {});
  if (!dx) return;
  if (!is_tiled) {
    if (!dx_by_onednn()) portably(nullptr, dx);
    return;
  }
  winograd::weights_view const turned{weight, spec.out_channels, spec.in_channels, true};
  winograd::epilogue const finish{.add = dx_how == writing::add};
  if (winograd::goes_by_panels(spec.out_channels, spec.in_channels) || winograd::has_few_tiles(dy.dims, spec.in_channels))
    return winograd::convolve_by_panels(c, turned, finish, dy.data, dy.dims, dx.data);
  cpu::context::frame const scope(c);
  float* const factors = c.scratch_of<float>(winograd::factors(spec.out_channels, spec.in_channels));
  winograd::transform_weights(c, turned, factors);
  winograd::convolve(c, {spec.out_channels, spec.in_channels, factors, finish}, dy.data, dy.dims, dx.data);
}

}  // namespace frcnn::cpu_backend::fast
FRCNN_HIDDEN_END

#endif
