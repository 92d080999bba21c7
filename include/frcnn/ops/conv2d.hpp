#pragma once
// 2-D convolution (cross-correlation, as every framework has it) and its epilogue.
//
//   x [N, C, H, W]   y, residual [N, O, Ho, Wo]   weight [O, C, kernel, kernel] logical   bias, scale [O]
//   Ho = (H + 2 pad - kernel) / stride + 1 (floor)
//   y = scale * (w * x) + bias + residual, then max(0, .) where spec.relu; what the epilogue leaves empty is not there
// scale and bias are what a frozen batch normalisation makes of its four vectors. A residual that is y itself adds to what y holds
// (writing::add, before the ReLU). relu lies in the spec, not in the epilogue: it is known with the layer, the rest with the call.
// Any kernel, stride and pad that check(spec) accepts, on maps that with their pad are at least as large as the kernel: others, and an
// epilogue or output of another shape, are thrown as a frcnn::error by forward, in every build; backward is given what forward was.
//
// ops::conv2d<B>::
//   forward(c, spec, x, weight, conv2d_epilogue<T, B>, y, keep, version)
//   forward(c, spec, x, weight, bias, y, keep, version)         an epilogue of a bias alone
//        weight, bias, scale: view<T const, 1, B>, weight in the backend's stored order (ops::conv2d<B>::weight_order). y is read only
//        where it is the residual.
//        keep: nullptr, or a conv2d<B>::kept that lives beside the parameter: what the engine makes of the weights and the scale of this
//        version may stay there for the next call. Safe from several threads.
//   backward(c, spec, x, y, dy, weight, conv2d_epilogue<T, B>, conv2d_gradients<T, B>)
//   backward(c, spec, x, y, dy, weight, dweight, dbias, how, dx, dx_how)      an epilogue of a bias alone
//        Given dy = dL/dy (overwritten: with ReLU it is masked by y > 0 in place). Gradients whose data is nullptr are not computed. Of the
//        epilogue, scale alone is read.
#include "frcnn/core/backend.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct conv2d_spec {
  int in_channels = 0, out_channels = 0, kernel = 1, stride = 1, pad = 0;
  bool relu = false;

  constexpr std::size_t fan_in() const { return static_cast<std::size_t>(kernel) * kernel * in_channels; }  // weights of one output
  constexpr std::size_t weights() const { return fan_in() * out_channels; }
  constexpr int out_extent(int in) const { return (in + 2 * pad - kernel) / stride + 1; }
  constexpr shape<4> out_shape(shape<4> in) const { return {{in[0], out_channels, out_extent(in[2]), out_extent(in[3])}}; }
  // Of the definition; either backward pass has as many.
  constexpr double operations(shape<4> in) const { return 2.0 * static_cast<double>(out_shape(in).size()) * static_cast<double>(fan_in()); }
};

template <Real T, Backend B>
struct conv2d_epilogue {
  view<T const, 1, B> bias{}, scale{};
  activation<T, B> residual{};
};

// What backward computes, and whether it sets or adds.
template <Real T, Backend B>
struct conv2d_gradients {
  view<T, 1, B> weight{}, bias{}, scale{};
  writing how = writing::set;  // of these three
  activation<T, B> x{};
  writing x_how = writing::set;
  activation<T, B> residual{};
  writing residual_how = writing::set;
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

// And whether its epilogue and its output fit.
template <Real T, Backend B>
void check(conv2d_spec const& s, shape<4> in, conv2d_epilogue<T, B> const& e, shape<4> out) {
  check(s, in);
  auto const fits = [&](view<T const, 1, B> const& v, char const* what) {
    if (v.data && v.dims[0] != s.out_channels)
      throw error("convolution", std::string("a ") + what + " for each of " + std::to_string(s.out_channels) + " channels",
                  std::to_string(v.dims[0]));
  };
  fits(e.bias, "bias");
  fits(e.scale, "scale");
  if constexpr (requires { e.residual.dims; })
    if (e.residual.data && !(e.residual.dims == s.out_shape(in)))
      throw error("convolution", "a residual of shape " + to_string(s.out_shape(in)), to_string(e.residual.dims));
  if (!(out == s.out_shape(in))) throw error("convolution", "an output of shape " + to_string(s.out_shape(in)), to_string(out));
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
