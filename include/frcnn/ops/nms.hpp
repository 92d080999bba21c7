#pragma once
// Non-maximum suppression by the convention's rule: what exec<B>::nms_sweep asks about an IoU with a survivor.
#include "frcnn/core/executor.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <class Rules, class T>
struct suppress_above {
  T threshold;  // Rules::nms_threshold
  FRCNN_HD bool operator()(T iou) const { return Rules::suppresses(iou, threshold); }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
