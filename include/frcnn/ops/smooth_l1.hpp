#pragma once
// The robust loss of box regression (Fast R-CNN, eq. 3), with the width of its quadratic part as a parameter.
//
//   f(d) = 0.5 d^2 / beta where |d| < beta, |d| - beta / 2 beyond.  Caffe's sigma is beta = 1 / sigma^2.
// Example: beta 1/9: f(1/9) = 1/18; f(1) = 1 - 1/18.
#include "frcnn/geometry/box.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T>
FRCNN_HD constexpr T smooth_l1(T d, T beta) {
  T const a = d < T(0) ? -d : d;
  return a < beta ? T(0.5) * d * d / beta : a - T(0.5) * beta;
}
template <class T>
FRCNN_HD constexpr T smooth_l1_gradient(T d, T beta) {
  T const a = d < T(0) ? -d : d;
  return a < beta ? d / beta : (d < T(0) ? T(-1) : T(1));
}

// Sum over the four numbers of a delta; gradient[4] by the prediction, times scale.
template <class T>
FRCNN_HD constexpr T smooth_l1(T const* prediction, delta<T> const& target, T beta, T scale, T* gradient) {
  T const wanted[4] = {target.dx, target.dy, target.dw, target.dh};
  T sum = T(0);
  for (int j = 0; j < 4; ++j) {
    T const d = prediction[j] - wanted[j];
    sum += smooth_l1(d, beta);
    gradient[j] = scale * smooth_l1_gradient(d, beta);
  }
  return scale * sum;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
