#pragma once
// Local response normalisation (Krizhevsky et al. 2012, section 3.3), across channels or within each, as Caffe computes it.
//
//   y = x * s^-beta        s = k + alpha / n * sum of x^2 over the neighbours        x, y [N, C, H, W]
//   across   the channels of the same pixel, `size` of them about the own one; n = size (PyTorch's LocalResponseNorm too)
//   within   the pixels of the same channel, a square of size x size about the own one; n = size^2 (Caffe's WITHIN_CHANNEL, where k is 1)
// What lies outside the map counts as zero, and n stays what it is. size is odd.
//
// ops::lrn<B>::
//   forward(c, spec, x, y)
//   backward(c, spec, x, dy, dx, how)      how says set or add
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

#include <cstdint>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

enum class lrn_region : std::uint8_t { across_channels, within_channel };

struct lrn_spec {
  int size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
  lrn_region region = lrn_region::across_channels;

  // What one square adds to s.
  double share() const { return alpha / (region == lrn_region::within_channel ? static_cast<double>(size) * size : size); }
};

// Throws for what is no normalisation.
inline void check(lrn_spec const& s) {
  if (s.size < 1 || s.size % 2 == 0 || !(s.alpha >= 0) || !(s.k > 0))
    throw error("local response normalisation", "an odd size, an alpha of 0 or more and a k above 0",
                "size " + std::to_string(s.size) + ", alpha " + std::to_string(s.alpha) + ", k " + std::to_string(s.k));
}

namespace ops {
template <class B>
struct lrn : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op lrn is not there for this backend; include frcnn/backend/<backend>/lrn.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
