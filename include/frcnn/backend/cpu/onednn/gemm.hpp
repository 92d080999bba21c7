#pragma once
// oneDNN's float product, on the context's threads: c [M, N] = (add ? c : 0) + op(a) [M, K] op(b) [K, N], all row-major with row strides.
#include "frcnn/backend/cpu/onednn/state.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::onednn {

inline void gemm(cpu::context& c, bool a_transposed, bool b_transposed, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k,
                 float const* a, std::ptrdiff_t a_stride, float const* b, std::ptrdiff_t b_stride, bool add, float* out,
                 std::ptrdiff_t out_stride) {
  if (m == 0 || n == 0) return;
  if (k == 0) {  // no products, and perhaps no factors: oneDNN refuses null pointers
    for (std::ptrdiff_t i = 0; i < m && !add; ++i) std::fill_n(out + i * out_stride, n, 0.f);
    return;
  }
  team const threads(c);
  dnnl::error::wrap_c_api(dnnl_sgemm(a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', m, n, k, 1.f, a, a_stride, b, b_stride,
                                     add ? 1.f : 0.f, out, out_stride),
                          "frcnn: oneDNN refuses a product");
}

}  // namespace frcnn::onednn
FRCNN_HIDDEN_END

#endif
