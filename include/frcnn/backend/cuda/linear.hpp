#pragma once
// ops::linear of the CUDA backend: three products, which a library computes (linear.cuh: cuBLASLt; host/linear.hpp: the CPU's portable
// engine), with mask_and_sum before the backward ones.
//   y = x W^T, dx = dy W, dW = dy^T x
// Rows of several images are a product each: a library chooses its kernel by a product's shape, and an image's rows must have the same bits
// alone and in a batch.
//
// detail::linear_products<B>, the library's part, on matrices stored by rows:
//   multiply<T>(c, infers, p, bias, relu) -> bool    out = or += op(a) op(b); whether bias and ReLU are done too
#include "frcnn/backend/cuda/bias_relu.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/linear.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class B>
struct linear_products;

// out [m, n] = op(a) [m, k] op(b) [k, n]; op turns a matrix that is stored the other way round.
template <class T>
struct matrix_product {
  std::int64_t m, n, k;
  T const* a;
  bool turns_a;
  T const* b;
  bool turns_b;
  T* out;
  writing how;

  std::int64_t a_stride() const { return turns_a ? m : k; }
  std::int64_t b_stride() const { return turns_b ? k : n; }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct linear<B> {
  struct kept {};
  using context = typename B::context;

  template <Real T>
  static void forward(context& c, bool relu, std::type_identity_t<view<T const, 2, B>> x, std::type_identity_t<view<T const, 1, B>> weight,
                      std::type_identity_t<view<T const, 1, B>> bias, view<T, 2, B> y, kept* keep = nullptr, std::uint64_t /*version*/ = 0,
                      int images = 1) {
    std::int64_t const rows = x.dims[0] / images, k = x.dims[1], n = y.dims[1];
    check_linear<T, B>(x.dims, weight, bias, y.dims);
    bool is_whole = true;
    for (int i = 0; i < images; ++i)
      is_whole =
          multiply<T>(c, keep != nullptr,
                      {rows, n, k, x.data + i * rows * k, false, weight.data, true, y.data + i * rows * n, writing::set}, bias.data, relu);
    if (!is_whole)
      frcnn::detail::add_epilogue<T, B>(c, y.data, static_cast<std::size_t>(y.dims[0]), static_cast<std::size_t>(n), bias.data, nullptr,
                                        relu);
  }

  template <Real T>
  static void backward(context& c, bool relu, std::type_identity_t<view<T const, 2, B>> x, std::type_identity_t<view<T const, 2, B>> y,
                       view<T, 2, B> dy, std::type_identity_t<view<T const, 1, B>> weight, std::type_identity_t<view<T, 1, B>> dweight,
                       std::type_identity_t<view<T, 1, B>> dbias, writing how, std::type_identity_t<view<T, 2, B>> dx, writing dx_how) {
    std::int64_t const m = dy.dims[0], n = dy.dims[1], k = x.dims[1];
    frcnn::detail::mask_and_sum<T, B>(c, relu, y.data, dy.data, static_cast<std::size_t>(m), static_cast<std::size_t>(n), dbias.data, how);
    if (dweight) multiply<T>(c, false, {n, k, m, dy.data, true, x.data, false, dweight.data, how}, nullptr, false);
    if (dx) multiply<T>(c, false, {m, k, n, dy.data, false, weight.data, false, dx.data, dx_how}, nullptr, false);
  }

 private:
  // Libraries refuse products of nothing.
  template <Real T>
  static bool multiply(context& c, bool infers, frcnn::detail::matrix_product<T> const& p, T const* bias, bool relu) {
    if (p.m == 0 || p.n == 0) return true;
    if (p.k == 0) {
      if (p.how == writing::set) ops::clear<B>(c, p.out, static_cast<std::size_t>(p.m * p.n));
      return false;
    }
    return frcnn::detail::linear_products<B>::template multiply<T>(c, infers, p, bias, relu);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
