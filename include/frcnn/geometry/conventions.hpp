#pragma once
// Two conventions, one code: what the authors' releases and torchvision decide differently, as two structs with the same names.
//
// conventions::caffe is py-faster-rcnn (commit 781a917, end-to-end training) with the paper's constants; conventions::torchvision is
// torchvision.models.detection (0.29). Nothing outside these structs knows under which one it runs. The struct gives defaults; a part
// given explicitly wins: with_coder.
//
// Boxes are half-open in both. Sides, centres, IoU and flips "with +1" on inclusive corners equal the half-open ones without, so the
// inclusive corner is left in five places only: scale_box, coder.far_edge, clip, roi_pool_end_offset, proposal_min_side.
//
// row                    caffe                                          torchvision
//  1 resize              s for both axes, rounded, step 1/s             truncated; boxes by out/in, step in/out, per axis
//    padding             to the batch's largest                         ... and to a multiple of 32
//    flips               every image and its mirror image, each epoch   with probability 1/2
//  2 base anchors        multiples of 23x12, 16x16, 11x22 about 8, 8    sides rounded, about 0, 0
//    strides             the backbone's                                 padded input / map, integer, per axis
//  3 coder               x2, y2 decoded one larger; no cap              exp of at most log(1000/16)
//    clip                x1 <= W-1, x2 >= 1: never empty                0 to W
//    IoU for targets     in double                                      in the model's scalar
//  4 anchors over the border  left out of training                      trained
//    images without boxes     dropped                                   all anchors negative
//  5 proposals           clip, minimum side, then sort and top N        top N per level, then clip, minimum side
//    score               softmax over 2A                                sigmoid over A
//    minimum side        16 pixels of the original image                .001
//    limits              12000/2000 train, 6000/300 test                2000/2000, 1000/1000
//  6 RoI sampling        128, a quarter foreground                      512, a quarter
//  7 pooling             ceil; RoIPool ends at x2 - 1                   floor; ends at x2
//  8 smooth L1 of the head    beta 1                                    beta 1/9
// 10 solver              lr inside the momentum, biases at twice lr     outside, once
// 12 detections          decoded and clipped in original pixels, NMS .3 in input pixels then scaled, NMS .5, side >= .01
//
// Not taken over, because it depends on an implementation's accident: unstable order of equal scores (here: the lower index first);
// py-faster-rcnn's CPU NMS that suppresses at IoU >= t where its GPU one has > t (here: >); more than 100 detections when scores tie at
// the 100th; a last batch of an epoch that is skipped; coordinates that wrap in 16 bits.
// Properties of one network, not of a convention: dropout (inverted everywhere but in the authors' ZF, whose masks do not scale and
// whose fc6 and fc7 are halved in testing), LRN, frozen layers, schedules.
#include "frcnn/geometry/conventions/caffe.hpp"
#include "frcnn/geometry/conventions/torchvision.hpp"

namespace frcnn::inline FRCNN_ABI::conventions {

// Conv with the user's own coder in both places. C: default-constructible, models BoxCoder.
template <class Conv, class C>
struct with_coder : Conv {
  using coder = C;
  static constexpr C rpn_coder() { return C{}; }
  static constexpr C head_coder() { return C{}; }
};

}  // namespace frcnn::conventions
