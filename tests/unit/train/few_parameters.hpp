#pragma once
// Three parameters without a network: the optimiser sees nothing else of one.
#include "frcnn/core/param.hpp"

namespace train_tests {

// Inputs: of the weight [3, Inputs].
template <class T, class B, int Inputs>
struct few_parameters {
  using scalar = T;
  using device = B;
  struct tape {};
  frcnn::param<T, B> weight{.name = "weight", .rank = 2, .dims = {{3, Inputs, 1, 1}}};
  frcnn::param<T, B> bias{.name = "bias", .dims = {{3, 1, 1, 1}}, .lr_mult = 2, .decay_mult = 0};
  frcnn::param<T, B> fixed{.name = "fixed", .dims = {{4, 1, 1, 1}}, .kind = frcnn::param_kind::frozen};
  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
    visit(bias);
    visit(fixed);
  }
};

}  // namespace train_tests
