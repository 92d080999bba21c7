#pragma once
// The plan of a resize: the output size, and the scales of boxes to the output and back, which are not always inverses of each other.
//
// Example: 640 x 480 at short side 600: 800 x 600, scale 1.25, step .8
// Example: 500 x 333 at short side 600 under caffe: s = 600/333; 901 x 600; scale s (901/500 is .01 % more), step 1/s
#include "frcnn/config.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct resize_plan {
  int w, h;                 // of the output, pixels
  double scale_x, scale_y;  // coordinate of a box in the output = coordinate in the source * scale (by Rules::scale_box)
  double step_x, step_y;    // source pixels from one output pixel to the next
};

}  // namespace frcnn
FRCNN_HIDDEN_END
