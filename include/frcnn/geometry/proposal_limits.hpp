#pragma once
// How many proposals an image may have before and after non-maximum suppression, and when.
#include "frcnn/config.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// What proposals are made for: training the RoI head in the same step, detecting, or the files between the steps of alternating training.
enum class phase : std::uint8_t { train, test, stage };

// Example: conventions::caffe::limits(phase::test) is {6000, 300}.
struct proposal_limits {
  int before_nms, after_nms;

  static constexpr int unlimited = 0x7fffffff;

  // For a model file's spec (detector/spec.hpp).
  template <class Spec>
  void describe(Spec& spec) {
    spec.whole("before_nms", before_nms, 1, unlimited);
    spec.whole("after_nms", after_nms, 1, 1'000'000);
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
