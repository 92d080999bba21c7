#pragma once
// ops::linear on the CPU: three products through parallel_gemm, with mask_and_sum before the backward ones.
#include "frcnn/backend/cpu/bias_relu.hpp"
#include "frcnn/backend/cpu/gemm.hpp"
#include "frcnn/ops/linear.hpp"

namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct linear<cpu> {
  template <Real T>
  static void forward(cpu::context& c, bool relu, std::type_identity_t<view<T const, 2, cpu>> x,
                      std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T const, 1, cpu>> bias,
                      view<T, 2, cpu> y) {
    std::ptrdiff_t const m = x.dims[0], k = x.dims[1], n = y.dims[1];
    FRCNN_ASSERT(y.dims[0] == m && weight.size() == static_cast<std::size_t>(n * k) && bias.size() == static_cast<std::size_t>(n));
    parallel_gemm<T>(c, false, true, m, n, k, T(1), x.data, k, weight.data, k, T(0), y.data, n);
    std::size_t const columns = static_cast<std::size_t>(n);
    parallel_for(c, static_cast<std::size_t>(m), 16384 / (columns + 1) + 1, [=](std::size_t begin, std::size_t end) {
      detail::add_bias_relu(y.data + begin * columns, end - begin, columns, bias.data, relu);
    });
  }

  template <Real T>
  static void backward(cpu::context& c, bool relu, std::type_identity_t<view<T const, 2, cpu>> x,
                       std::type_identity_t<view<T const, 2, cpu>> y, view<T, 2, cpu> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T, 1, cpu>> dweight,
                       std::type_identity_t<view<T, 1, cpu>> dbias, write how, std::type_identity_t<view<T, 2, cpu>> dx, write dx_how) {
    std::ptrdiff_t const m = dy.dims[0], n = dy.dims[1], k = x.dims[1];
    detail::mask_and_sum<T>(c, relu, y.data, dy.data, static_cast<std::size_t>(m), static_cast<std::size_t>(n), dbias.data, how);
    if (dweight) parallel_gemm<T>(c, true, false, n, k, m, T(1), dy.data, n, x.data, k, how == write::add ? T(1) : T(0), dweight.data, k);
    if (dx) parallel_gemm<T>(c, false, false, m, k, n, T(1), dy.data, n, weight.data, k, dx_how == write::add ? T(1) : T(0), dx.data, k);
  }
};

}  // namespace frcnn::ops
