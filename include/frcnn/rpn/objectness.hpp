#pragma once
// The two forms of the RPN's objectness: one logit per anchor (sigmoid), or two (softmax over background and foreground).
//
//   logits [N, M, C] rows of map cells: C = A under sigmoid; C = 2A under softmax, all background channels before all foreground ones
// Both come down to one number, z = the logit of "object": P(object) = 1 / (1 + exp(-z)); under softmax z = foreground - background.
#include "frcnn/core/view.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::rpn {

template <class Rules>
constexpr int logits_per_anchor() {
  return Rules::objectness == conventions::objectness_kind::softmax ? 2 : 1;
}

// z of anchor i of image n.
template <class Rules, class T, Backend B>
FRCNN_HD T objectness_logit(view<T const, 3, B> logits, int per_cell, int n, int i) {
  int const cell = i / per_cell, a = i % per_cell;
  if constexpr (Rules::objectness == conventions::objectness_kind::softmax) return logits(n, cell, per_cell + a) - logits(n, cell, a);
  else return logits(n, cell, a);
}

// Hands dL/dz to the logits it came from.
template <class Rules, class T, Backend B>
FRCNN_HD void set_objectness_gradient(view<T, 3, B> dlogits, int per_cell, int n, int i, T dz) {
  int const cell = i / per_cell, a = i % per_cell;
  if constexpr (Rules::objectness == conventions::objectness_kind::softmax) {
    dlogits(n, cell, per_cell + a) = dz;
    dlogits(n, cell, a) = -dz;
  } else {
    dlogits(n, cell, a) = dz;
  }
}

// log(1 + exp(-z)) for label 1, log(1 + exp(z)) for label 0, without overflow; the derivative by z.
template <class T>
FRCNN_HD T log_loss(T z, bool object) {
  T const m = object ? -z : z;
  return (m > T(0) ? m : T(0)) + std::log1p(std::exp(m > T(0) ? -m : m));
}
template <class T>
FRCNN_HD T log_loss_gradient(T z, bool object) {
  T const p = z >= T(0) ? T(1) / (T(1) + std::exp(-z)) : std::exp(z) / (T(1) + std::exp(z));
  return object ? p - T(1) : p;
}

}  // namespace frcnn::rpn
FRCNN_HIDDEN_END
