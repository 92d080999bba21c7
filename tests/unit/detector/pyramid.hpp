#pragma once
// ResNet with a feature pyramid, small enough to be checked by differences: five maps of strides 4 to 64, C channels each, a few blocks.
#include "frcnn/backbone/fpn.hpp"
#include "frcnn/backbone/resnet.hpp"
#include "frcnn/backend/cpu.hpp"

namespace detector_tests {

using namespace frcnn;

template <Real T, int C>
struct pyramid : backbone::fpn<backbone::resnet<4, T, cpu>> {
  using base = backbone::fpn<backbone::resnet<4, T, cpu>>;
  static backbone::resnet<4, T, cpu> body() { return backbone::resnet<4, T, cpu>({{1, 2, 1, 1}, 4, 2}); }
  explicit pyramid(std::optional<double> epsilon = {}) : base(body(), {C, epsilon}) {}
};

}  // namespace detector_tests
