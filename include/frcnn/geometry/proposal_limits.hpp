#pragma once
// How many proposals an image may have before and after non-maximum suppression.
#include "frcnn/config.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

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
