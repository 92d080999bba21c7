#pragma once
// 2-D convolution (cross-correlation, as every framework has it) with bias and an optional fused ReLU.
//
//   x [N, C, H, W]   y [N, O, Ho, Wo]   weight [O, C, kernel, kernel] logical   bias [O]
//   Ho = (H + 2 pad - kernel) / stride + 1 (floor)
//   y = max(0, w * x + b) with ReLU, w * x + b without; an empty bias is one of zeros
// Any kernel, stride and pad that check(spec) accepts, on maps that with their pad are at least as large as the kernel: others are thrown
// as a frcnn::error.
//
// ops::conv2d<B>::
//   forward(c, spec, x, weight, bias, y, keep, version)
//        weight, bias: view<T const, 1, B> in the backend's stored order (ops::conv2d<B>::weight_order). y is not read before.
//        keep: nullptr, or a conv2d<B>::kept that lives beside the parameter: what the engine makes of the weights of this version may stay
//        there for the next call. Safe from several threads.
//   backward(c, spec, x, y, dy, weight, dweight, dbias, how, dx, dx_how)
//        Given dy = dL/dy (overwritten: with ReLU it is masked by y > 0 in place). dweight, dbias: empty views are not computed; `how`
//        says set or add for both. dx: an activation with data == nullptr is not computed; dx_how says set or add.
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct conv2d_spec {
  int in_channels = 0, out_channels = 0, kernel = 1, stride = 1, pad = 0;
  bool relu = false;

  constexpr int out_extent(int in) const { return (in + 2 * pad - kernel) / stride + 1; }
  constexpr shape<4> out_shape(shape<4> in) const { return {{in[0], out_channels, out_extent(in[2]), out_extent(in[3])}}; }
  // Of the definition; either backward pass has as many.
  constexpr double operations(shape<4> in) const { return 2.0 * static_cast<double>(out_shape(in).size()) * in_channels * kernel * kernel; }
};

// Throws for what is no convolution.
inline void check(conv2d_spec const& s) {
  if (s.in_channels < 1 || s.out_channels < 1 || s.kernel < 1 || s.stride < 1 || s.pad < 0)
    throw error("convolution", "channels, a kernel and a stride of 1 or more and a pad of 0 or more",
                std::to_string(s.in_channels) + " to " + std::to_string(s.out_channels) + " channels, kernel " + std::to_string(s.kernel) +
                    ", stride " + std::to_string(s.stride) + ", pad " + std::to_string(s.pad));
}
// The same, and whether it has an output on maps of this shape.
inline void check(conv2d_spec const& s, shape<4> in) {
  check(s);
  std::int64_t const pad = 2 * std::int64_t{s.pad};
  if (in[1] != s.in_channels || in[2] + pad < s.kernel || in[3] + pad < s.kernel)
    throw error("convolution",
                "maps of " + std::to_string(s.in_channels) + " channels that hold its kernel of " + std::to_string(s.kernel) +
                    " with a pad of " + std::to_string(s.pad),
                to_string(in));
}

namespace ops {
template <class B>
struct conv2d : missing {
  static_assert([] {  // inside a function: with a failed assertion of its own clang would not find weight_order in this class
    static_assert(frcnn::detail::never<B>, "frcnn: op conv2d is not there for this backend; include frcnn/backend/<backend>/conv2d.hpp");
    return true;
  }());
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
