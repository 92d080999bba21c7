#pragma once
// ops::linear on the CPU: three products, with mask_and_sum before the backward ones.
//
//                                    portable         engine fast (float)
//   y = x W^T, dx = dy W, dW = dy^T x  parallel_gemm    simd::product, which packs the weights panel by panel in cache (y in bf16:
//                                                       oneDNN where the build has it, weights rounded in every call, or once where kept)
// Weights have one layout, [N, K], for all three and for the update. Chosen by measurement (op/linear_layout in bench/): oneDNN's blocked
// layout makes y 4 % faster at 300 rows, and would cost a second copy in inference or a slower dx and update in training.
// oneDNN's own float product is not used: before 3.11 a signal that arrives in it overwrites the heap (onednn/library.hpp).
#include "frcnn/backend/cpu/bias_relu.hpp"
#include "frcnn/backend/cpu/gemm.hpp"
#include "frcnn/backend/cpu/kept_weights.hpp"
#include "frcnn/backend/cpu/kernels/product.hpp"
#include "frcnn/backend/cpu/onednn/inner_product.hpp"
#include "frcnn/ops/linear.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct linear<cpu> {
  using kept = kept_weights;

  template <Real T>
  static void forward(cpu::context& c, bool relu, std::type_identity_t<view<T const, 2, cpu>> x,
                      std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T const, 1, cpu>> bias,
                      view<T, 2, cpu> y, [[maybe_unused]] kept* keep = nullptr, [[maybe_unused]] std::uint64_t version = 0,
                      int images = 1) {
    std::ptrdiff_t const m = x.dims[0], k = x.dims[1], n = y.dims[1];
    check_linear<T, cpu>(x.dims, weight, bias, y.dims);
    cpu::context::frame const scope(c);
    bias = {frcnn::detail::bias_or_zeros<T>(c, bias.data, y.dims[1]), {{y.dims[1]}}};
#if FRCNN_HAS_ONEDNN
    if constexpr (std::is_same_v<T, float>)
      if (keep && c.options().precision == compute::bf16) {  // what learns is exact
        cpu_backend::onednn::packed* const place = c.options().keep_transforms ? &keep->blocked : nullptr;
        if (cpu_backend::onednn::inner_product(c, relu, x, {weight.data, place, version}, bias.data, y, compute::bf16, images)) return;
      }
#endif
    multiply<T>(c, false, true, m, n, k, x.data, k, weight.data, k, writing::set, y.data, n, images);
    std::size_t const columns = static_cast<std::size_t>(n);
    parallel_for(c, static_cast<std::size_t>(m), 16384 / (columns + 1) + 1, [=](std::size_t begin, std::size_t end) {
      detail::add_bias_relu(y.data + begin * columns, end - begin, columns, bias.data, relu);
    });
  }

  template <Real T>
  static void backward(cpu::context& c, bool relu, std::type_identity_t<view<T const, 2, cpu>> x,
                       std::type_identity_t<view<T const, 2, cpu>> y, view<T, 2, cpu> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T, 1, cpu>> dweight,
                       std::type_identity_t<view<T, 1, cpu>> dbias, writing how, std::type_identity_t<view<T, 2, cpu>> dx, writing dx_how) {
    std::ptrdiff_t const m = dy.dims[0], n = dy.dims[1], k = x.dims[1];
    detail::mask_and_sum<T>(c, relu, y.data, dy.data, static_cast<std::size_t>(m), static_cast<std::size_t>(n), dbias.data, how);
    if (dweight) multiply<T>(c, true, false, n, k, m, dy.data, n, x.data, k, how, dweight.data, k);
    if (dx) multiply<T>(c, false, false, m, k, n, dy.data, n, weight.data, k, dx_how, dx.data, k);
  }

 private:
  template <Real T>
  static void multiply(cpu::context& c, bool ta, bool tb, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, T const* a,
                       std::ptrdiff_t lda, T const* b, std::ptrdiff_t ldb, writing how, T* out, std::ptrdiff_t ldc, int images = 1) {
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float> && cpu_backend::simd::worthwhile)
      if (c.is_fast<T>())
        return cpu_backend::simd::product(c, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), {a, lda, ta}, {b, ldb, tb}, out,
                                          ldc, how == writing::add, images);
#endif
    // BLAS chooses its kernels by the shape of a product: an image's rows have the same bits alone and in a batch if they are one product.
    std::ptrdiff_t const rows = m / std::max(images, 1);
    for (int i = 0; i < images; ++i)
      parallel_gemm<T>(c, ta, tb, rows, n, k, T(1), a + i * rows * (ta ? 1 : lda), lda, b, ldb, how == writing::add ? T(1) : T(0),
                       out + i * rows * ldc, ldc);
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
