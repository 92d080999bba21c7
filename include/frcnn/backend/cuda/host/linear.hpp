#pragma once
// The products of ops::linear<cuda_on_host>: BLAS in place of cuBLASLt, on one thread. Bias and ReLU are our own kernel's.
#include "frcnn/backend/cpu/gemm.hpp"
#include "frcnn/backend/cuda/host/context.hpp"
#include "frcnn/backend/cuda/linear.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <>
struct linear_products<cuda_on_host> {
  template <Real T>
  static bool multiply(cuda_on_host::context& c, bool, matrix_product<T> const& p, T const*, bool) {
    c.queue([=] {
      gemm<T>(p.turns_a, p.turns_b, p.m, p.n, p.k, T(1), p.a, p.a_stride(), p.b, p.b_stride(), p.how == writing::add ? T(1) : T(0), p.out,
              p.n);
    });
    c.count_launch();
    return false;
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
