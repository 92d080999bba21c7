#pragma once
// Fully connected layer on plain rows, with bias and an optional fused ReLU.
//
//   x [M, K]   weight [N, K] (rows as stored)   bias [N]   y [M, N] = x weight^T + bias, then max(0, .) with ReLU
//
// ops::linear<B>::
//   forward(c, relu, x, weight, bias, y)
//   backward(c, relu, x, y, dy, weight, dweight, dbias, how, dx, dx_how)   as conv2d's backward: dy is masked in place, empty is not wanted
// x, y, dy, dx are view<T, 2, B> (const where read), weight and the rest view<T, 1, B>.
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

namespace frcnn::inline FRCNN_ABI::ops {
FRCNN_DECLARE_OP(linear);
}
