#pragma once
// Fixed-size features of regions: RoIAlign (bilinear samples, averaged) and RoIPool (maximum over bins).
//
//   maps   level[l] = [N, C, Hl, Wl]                 engine's activations
//   rois   [N, R] half-open boxes in pixels of the network's input, count[N]; dead rows give zeros and get no gradient
//   level  [N, R] int32: which map each RoI reads, -1: none, so that its features are 0; empty with one level
//   out    [N*R, C, P*P] plain rows, bins in row-major order: as the columns of every published fc6 are, (c*P + y)*P + x;
//          or an activation [N*R, C, P, P] in the engine's layout, which a convolution reads (a head that shares conv5); dout likewise
//   argmax [N*R, P*P, C] int32 (RoIPool), which backward reads: y*W + x in the map, -1 for an empty bin
//
// roi_align (torchvision, aligned = false): x1 = box.x1 * scale, no half-pixel shift, sides floored at 1; each bin averages
//   sampling x sampling bilinear samples; a sample beyond [-1, extent] counts as 0, others are clamped to the map.
// roi_pool (Fast R-CNN, section 2.1): start = round(x1 * scale), end = round((x2 - end_offset) * scale), half away from zero, in float;
//   size = max(end - start + 1, 1); bin p covers floor(p * size/P) ... ceil((p+1) * size/P), clamped to the map; an empty bin is 0;
//   the first maximum in row-major order wins. end_offset: 1 under caffe (inclusive coordinates), 0 under torchvision.
//
// ops::roi_align<B>:: forward(c, spec, maps, rois, level, out)   backward(c, spec, dout, rois, level, dmaps, how)
//                     backward_rois(c, spec, maps, dout, rois, level, drois)     drois [N, R]: d/d(corners), set; dead rows 0
// ops::roi_pool<B>::  forward(c, spec, maps, rois, level, out, argmax)   backward(c, spec, dout, argmax, rois, level, dmaps, how)
// Both backward passes sum in a fixed order: equal runs give equal bits.
#include "frcnn/core/counted.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <int L>
struct roi_spec {
  int pooled = 7;         // P
  int sampling = 2;       // RoIAlign: samples per bin and axis
  double end_offset = 0;  // RoIPool: see above
  double scale[L] = {};   // map pixels per input pixel, per level
};

namespace ops {
template <class B>
struct roi_align : missing {
  static_assert(frcnn::detail::never<B>,
                "frcnn: op roi_align is not there for this backend; include frcnn/backend/<backend>/roi_features.hpp");
};
template <class B>
struct roi_pool : missing {
  static_assert(frcnn::detail::never<B>,
                "frcnn: op roi_pool is not there for this backend; include frcnn/backend/<backend>/roi_features.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
