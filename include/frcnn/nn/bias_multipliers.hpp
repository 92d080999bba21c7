#pragma once
// Multipliers of learning rate and weight decay for biases, taken from the convention when a part is made.
//
//   take_bias_multipliers<Rules>(part)   every parameter named "bias": lr_mult = Rules::bias_lr_mult, decay_mult = Rules::bias_decay_mult
// Example: under conventions::caffe biases learn at twice the rate, and decay as weights do.
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

namespace detail {
template <class Rules>
struct bias_visitor {
  template <class Param>
  void operator()(Param& p) const {
    if (p.name != "bias") return;
    p.lr_mult = static_cast<float>(Rules::bias_lr_mult);
    p.decay_mult = static_cast<float>(Rules::bias_decay_mult);
  }
  void enter(std::string const&) const {}
  void leave() const {}
};
}  // namespace detail

template <class Rules, class Part>
void take_bias_multipliers(Part& part) {
  part.for_each_param(detail::bias_visitor<Rules>());
}

}  // namespace frcnn::inline FRCNN_ABI::nn
FRCNN_HIDDEN_END
