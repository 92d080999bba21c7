#pragma once
// Fully connected layer on plain rows, with bias and an optional fused ReLU.
//
//   x [M, K]   weight [N, K] (rows as stored)   bias [N]   y [M, N] = x weight^T + bias, then max(0, .) with ReLU
//
// ops::linear<B>::
//   forward(c, relu, x, weight, bias, y, keep, version, images)            keep: nullptr or a linear<B>::kept, as conv2d's
//   backward(c, relu, x, y, dy, weight, dweight, dbias, how, dx, dx_how)   as conv2d's backward: dy is masked in place, empty is not wanted
// images (1 by default): the rows are so many runs of equal length, and what an image's rows give does not depend on the other images.
// Rows of one image may round together (strassen.hpp of the CPU backend).
// x, y, dy, dx are view<T, 2, B> (const where read), weight and the rest view<T, 1, B>. Sizes that do not fit each other are thrown as a
// frcnn::error by forward.
#include "frcnn/core/error.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Throws for sizes that do not fit each other.
template <Real T, Backend B>
void check_linear(shape<2> x, view<T const, 1, B> weight, view<T const, 1, B> bias, shape<2> y) {
  auto const in = static_cast<std::size_t>(x[1]), out = static_cast<std::size_t>(y[1]);
  if (x[0] != y[0]) throw error("fully connected layer", std::to_string(x[0]) + " rows, as many as its input has", std::to_string(y[0]));
  if (weight.size() != in * out)
    throw error("fully connected layer", std::to_string(out) + " x " + std::to_string(in) + " weights", std::to_string(weight.size()));
  if (bias && bias.size() != out)
    throw error("fully connected layer", "a bias for each of " + std::to_string(out) + " outputs", std::to_string(bias.size()));
}

namespace ops {
template <class B>
struct linear : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op linear is not there for this backend; include frcnn/backend/<backend>/linear.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
