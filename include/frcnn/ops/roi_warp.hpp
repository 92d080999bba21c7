#pragma once
// RoI warping: regions cut out of the maps and brought to one size by bilinear interpolation, then max pooling. Its output is a continuous
// function of the region's corners, so that a loss on it can move the region (section 3.2, iii).
//
//   maps, rois, level, out, dout   as in ops/roi_features.hpp; spec.pooled P, spec.sampling S (1 or 2), spec.scale
//   warped [S*P, S*P]    sample k of an axis lies at low + (k + 1/2) (high - low) / (S*P), low = x1 * scale and high = x2 * scale in cells
//                        of the map, and is the sum over cells u of max(0, 1 - |at - u|) F(u): cells beyond the map count as 0
//   out [P, P]           the maximum of each S x S samples; the first in row-major order wins, and a NaN
//   winner [N*R, P*P, C] uint8: S*row + column of the sample that won, which both backward passes read; forward may do without
// Usual are P = 7 and S = 2: warped to 14 x 14, pooled to the head's 7 x 7. A region without area takes all its samples at one place.
//
// Source: Dai, He, Sun 2015, "Instance-aware semantic segmentation via multi-task network cascades", section 3.2. Its u' run over
// [-W'/2, W'/2); here they are the middles of W' equal parts, so that a mirrored region has the mirrored features.
//
// ops::roi_warp<B>:: forward(c, spec, maps, rois, level, out, winner)     backward(c, spec, dout, winner, rois, level, dmaps, how)
//                    backward_rois(c, spec, maps, dout, winner, rois, level, drois)     drois [N, R]: d/d(corners), set; dead rows 0
// Backward passes sum in a fixed order: equal runs give equal bits.
#include "frcnn/ops/roi_features.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <class B>
struct roi_warp : missing {
  static_assert(frcnn::detail::never<B>,
                "frcnn: op roi_warp is not there for this backend; include frcnn/backend/<backend>/roi_features.hpp");
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
