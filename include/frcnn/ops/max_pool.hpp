#pragma once
// Max pooling over windows, with both roundings of the output extent.
//
//   x [N, C, H, W]  y [N, C, Ho, Wo]   argmax [N*C*Ho*Wo] int32, in the engine's order of y, empty when not wanted
//   floor: Ho = (H + 2p - k)/s + 1, rounded towards 0.  ceil (Caffe): rounded up, and with a pad a last window that would start at H + p or
//   beyond is dropped. A window that reaches over the map sees what of it the map holds, at least its last row and column.
// The first maximum in row-major order wins. Padding never wins.
//
// ops::max_pool<B>::
//   forward(c, spec, x, y, argmax)
//   backward(c, spec, argmax, dy, dx, how)    every dx element is the sum of the dy whose window it won
// What is no pool, and maps and outputs that do not fit it, are thrown as a frcnn::error.
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct pool_spec {
  int kernel = 1, stride = 1, pad = 0;
  bool ceil = false;

  constexpr int out_extent(int in) const {
    int const span = in + 2 * pad - kernel;
    int out = (ceil ? (span + stride - 1) / stride : span / stride) + 1;
    if (ceil && pad > 0 && (out - 1) * stride >= in + pad) --out;
    return out;
  }
  constexpr shape<4> out_shape(shape<4> in) const { return {{in[0], in[1], out_extent(in[2]), out_extent(in[3])}}; }
};

// Throws for what is no pool, for maps that it has no output of, and for an output of another shape.
inline void check(pool_spec const& s, shape<4> x, shape<4> y) {
  if (s.kernel < 1 || s.stride < 1 || s.pad < 0)
    throw error("max pool", "a kernel and a stride of 1 or more and a pad of 0 or more",
                "kernel " + std::to_string(s.kernel) + ", stride " + std::to_string(s.stride) + ", pad " + std::to_string(s.pad));
  auto const out = s.out_shape(x);
  if (x[2] < 1 || x[3] < 1 || out[2] < 1 || out[3] < 1) throw error("max pool", "maps that it has an output of", to_string(x));
  if (!(y == out)) throw error("max pool", "an output of shape " + to_string(out), to_string(y));
}

namespace ops {
template <class B>
struct max_pool : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op max_pool is not there for this backend; include frcnn/backend/<backend>/max_pool.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
