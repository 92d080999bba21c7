#pragma once
// ops::conv2d on the CPU: each engine has its own kernels; the epilogue's scale and residual, what the ReLU lets through and the gradients
// of the epilogue are common to both. Weights are stored [O, kernel, kernel, C]; a kernel that wants them otherwise converts them in every
// call, or once where they are kept.
//   a scale     is multiplied into the weights: s * (w * x) = (s * w) * x. With G the gradient by s * w: dw = s * G, ds = <w, G>
//   a residual  is copied to y where it is not there already, and added to by the kernel
#include "frcnn/backend/cpu/add_maps.hpp"
#include "frcnn/backend/cpu/bias_relu.hpp"
#include "frcnn/backend/cpu/fast/conv2d.hpp"
#include "frcnn/backend/cpu/kept_weights.hpp"
#include "frcnn/backend/cpu/portable/conv2d.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct conv2d<cpu> {
  static constexpr param_order weight_order = param_order::channels_last;
  using kept = kept_weights;

  template <Real T>
  static void forward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, std::type_identity_t<view<T const, 1, cpu>> weight,
                      conv2d_epilogue<T, cpu> const& e, cpu_activation<T> y, [[maybe_unused]] kept* keep = nullptr,
                      [[maybe_unused]] std::uint64_t version = 0) {
    check(spec, x.dims, e, y.dims);
    cpu::context::frame const scope(c);
    T const* const bias = frcnn::detail::bias_or_zeros<T>(c, e.bias.data, spec.out_channels);
    bool const add = static_cast<bool>(e.residual);
    if (add) frcnn::detail::pass_on<T>(c, e.residual, y, writing::set);
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float>)
      if (c.is_fast<T>()) return cpu_backend::fast::forward(c, spec, x, {weight.data, keep, version, e.scale.data}, bias, y, add);
#endif
    weight = {scaled(c, spec, weight.data, e.scale.data), weight.dims};
    cpu_backend::portable::conv2d::forward<T>(c, spec, x, weight, {bias, {{spec.out_channels}}}, y, add);
  }
  template <Real T>
  static void forward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, std::type_identity_t<view<T const, 1, cpu>> weight,
                      std::type_identity_t<view<T const, 1, cpu>> bias, cpu_activation<T> y, kept* keep = nullptr,
                      std::uint64_t version = 0) {
    forward<T>(c, spec, x, weight, conv2d_epilogue<T, cpu>{.bias = bias}, y, keep, version);
  }

  template <Real T>
  static void backward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, cpu_activation<T> y, cpu_activation<T> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, conv2d_epilogue<T, cpu> const& e,
                       conv2d_gradients<T, cpu> const& d) {
    std::size_t const pixels = static_cast<std::size_t>(dy.dims[0]) * dy.dims[2] * dy.dims[3];
    frcnn::detail::mask_and_sum<T>(c, spec.relu, y.data, dy.data, pixels, static_cast<std::size_t>(spec.out_channels), d.bias.data, d.how);
    frcnn::detail::pass_on<T>(c, dy, d.residual, d.residual_how);
    if (!e.scale) return of_product<T>(c, spec, x, dy, weight.data, d.weight.data, d.how, d.x, d.x_how);
    cpu::context::frame const scope(c);
    T* const product = d.weight || d.scale ? c.scratch_of<T>(spec.weights()) : nullptr;
    of_product<T>(c, spec, x, dy, d.x ? scaled(c, spec, weight.data, e.scale.data) : weight.data, product, writing::set, d.x, d.x_how);
    if (product) share(c, spec, weight.data, e.scale.data, product, d);
  }
  template <Real T>
  static void backward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, cpu_activation<T> y, cpu_activation<T> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T, 1, cpu>> dweight,
                       std::type_identity_t<view<T, 1, cpu>> dbias, writing how, cpu_activation<T> dx, writing dx_how) {
    backward<T>(c, spec, x, y, dy, weight, conv2d_epilogue<T, cpu>{},
                conv2d_gradients<T, cpu>{.weight = dweight, .bias = dbias, .how = how, .x = dx, .x_how = dx_how});
  }

 private:
  template <Real T>
  static T const* scaled(cpu::context& c, conv2d_spec const& spec, T const* weight, T const* scale) {
    return scaled_weights(c, weight, scale, static_cast<std::size_t>(spec.out_channels), spec.fan_in());
  }

  // The gradients of w * x.
  template <Real T>
  static void of_product(cpu::context& c, conv2d_spec const& spec, cpu_activation<T> x, cpu_activation<T> dy, T const* weight, T* dweight,
                         writing how, cpu_activation<T> dx, writing dx_how) {
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float>)
      if (c.is_fast<T>()) return cpu_backend::fast::backward(c, spec, x, dy, weight, dweight, how, dx, dx_how);
#endif
    shape<1> const n{{static_cast<std::int32_t>(spec.weights())}};
    cpu_backend::portable::conv2d::backward<T>(c, spec, x, dy, {weight, n}, {dweight, n}, how, dx, dx_how);
  }

  // The gradient by scaled weights to those by the weights and by the scale.
  template <Real T>
  static void share(cpu::context& c, conv2d_spec const& spec, T const* weight, T const* scale, T const* product,
                    conv2d_gradients<T, cpu> const& d) {
    std::size_t const fan_in = spec.fan_in();
    T *const dweight = d.weight.data, *const dscale = d.scale.data;
    bool const add = d.how == writing::add;
    parallel_for(c, static_cast<std::size_t>(spec.out_channels), 16384 / (fan_in + 1) + 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t o = begin; o < end; ++o) {
        T const *const w = weight + o * fan_in, *const g = product + o * fan_in;
        if (dscale) {
          double sum = 0;
          for (std::size_t i = 0; i < fan_in; ++i) sum += static_cast<double>(w[i]) * static_cast<double>(g[i]);
          dscale[o] = (add ? dscale[o] : T(0)) + static_cast<T>(sum);
        }
        if (dweight) {
          T* const to = dweight + o * fan_in;
          T const factor = scale[o];
          FRCNN_INDEPENDENT
          for (std::size_t i = 0; i < fan_in; ++i) to[i] = (add ? to[i] : T(0)) + factor * g[i];
        }
      }
    });
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
