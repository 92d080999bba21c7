#pragma once
// Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), as Caffe and PyTorch compute it.
//
//   y_c = x_c * s_c^-beta        s_c = k + alpha / size * sum over |d - c| <= size / 2 of x_d^2        x, y [N, C, H, W]
// Channels outside [0, C) count as zeros. size is odd.
//
// ops::lrn<B>::
//   forward(c, spec, x, y)
//   backward(c, spec, x, dy, dx, how)      how says set or add
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct lrn_spec {
  int size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
};

// Throws for what is no normalisation.
inline void check(lrn_spec const& s) {
  if (s.size < 1 || s.size % 2 == 0 || !(s.alpha >= 0) || !(s.k > 0))
    throw error("local response normalisation", "an odd number of channels, an alpha of 0 or more and a k above 0",
                std::to_string(s.size) + " channels, alpha " + std::to_string(s.alpha) + ", k " + std::to_string(s.k));
}

namespace ops {
template <class B>
struct lrn : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op lrn is not there for this backend; include frcnn/backend/<backend>/lrn.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
