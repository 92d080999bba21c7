#pragma once
// ops::conv2d on the CPU: each engine has its own kernels; what the ReLU lets through and the bias's gradient are common to both.
// Weights are stored [O, kernel, kernel, C]; a kernel that wants them otherwise converts them in every call, or once where they are kept.
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
                      std::type_identity_t<view<T const, 1, cpu>> bias, cpu_activation<T> y, [[maybe_unused]] kept* keep = nullptr,
                      [[maybe_unused]] std::uint64_t version = 0) {
    check(spec, x.dims);
    FRCNN_ASSERT(y.dims == spec.out_shape(x.dims));
    cpu::context::frame const scope(c);
    bias = {frcnn::detail::bias_or_zeros<T>(c, bias.data, spec.out_channels), {{spec.out_channels}}};
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float>)
      if (c.is_fast<T>()) return cpu_backend::fast::forward(c, spec, x, {weight.data, keep, version}, bias.data, y);
#endif
    cpu_backend::portable::conv2d::forward<T>(c, spec, x, weight, bias, y);
  }

  template <Real T>
  static void backward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, cpu_activation<T> y, cpu_activation<T> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T, 1, cpu>> dweight,
                       std::type_identity_t<view<T, 1, cpu>> dbias, writing how, cpu_activation<T> dx, writing dx_how) {
    std::size_t const pixels = static_cast<std::size_t>(dy.dims[0]) * dy.dims[2] * dy.dims[3];
    frcnn::detail::mask_and_sum<T>(c, spec.relu, y.data, dy.data, pixels, static_cast<std::size_t>(spec.out_channels), dbias.data, how);
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float>)
      if (c.is_fast<T>()) return cpu_backend::fast::backward(c, spec, x, dy, weight.data, dweight.data, how, dx, dx_how);
#endif
    cpu_backend::portable::conv2d::backward<T>(c, spec, x, dy, weight, dweight, how, dx, dx_how);
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
