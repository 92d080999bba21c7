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
// x, y, dy, dx are view<T, 2, B> (const where read), weight and the rest view<T, 1, B>.
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <class B>
struct linear : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op linear is not there for this backend; include frcnn/backend/<backend>/linear.hpp");
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
