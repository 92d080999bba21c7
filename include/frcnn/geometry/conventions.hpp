#pragma once
// Two conventions, one code: what the authors' releases and torchvision decide differently, as two structs with the same names.
//
// conventions::caffe is py-faster-rcnn (commit 781a917, end-to-end training) with the paper's constants; conventions::torchvision is
// torchvision.models.detection (0.29). Nothing outside these structs knows under which one it runs. The struct gives defaults; a part
// given explicitly wins: with_coder.
//
// Boxes are half-open in both. Sides, centres, IoU and flips "with +1" on inclusive corners equal the half-open ones without, so the
// inclusive corner is left in five places only: scale_box, far_edge of the coder, clip, may_train, roi_pool_end_offset. What both do
// alike is in conventions/agreed.hpp. Row numbers are those of the releases' parts; the structs cite files and sections.
//
// row                          caffe                                            torchvision
//   1 resize                   one scale s, rounded, step 1/s                   truncated; boxes by out/in, step in/out, per axis
//     padding                  to the batch's largest image                     and on to a multiple of 32
//     flips                    each epoch has every image and its mirror image  with probability 1/2
//     batches                  of wide or of tall images                        of any
//   2 base anchors             23x12, 16x16, 11x22 multiplied, about (8, 8)     half sides rounded, about (0, 0)
//     strides                  the backbone's                                   padded input / map, integer, per axis
//   3 coder                    x2 and y2 decoded one larger; no cap             exp of at most log(1000/16)
//     clip                     x1 to [0, W-1], x2 to [1, W]: never empty        both to [0, W]
//     IoU for targets          in double                                        in the model's scalar
//   4 anchors over the border  never trained                                    trained
//     images without boxes     dropped                                          all anchors negative
//   5 proposals                clip, minimum side, top N, NMS                   top N, clip, minimum side, NMS; by level
//     objectness               softmax over 2A                                  sigmoid over A
//     minimum side             16 pixels of the original image                  0.001
//     before/after NMS         12000/2000 train, 6000/300 test                  2000/2000 train, 1000/1000 test
//     threshold of NMS         in the scalar                                    in double
//   6 RoIs per image           128                                              512
//   7 pooling                  rounds extents up; RoIPool ends at x2 - 1        rounds down; ends at x2
//   8 smooth L1 of the head    beta 1                                           beta 1/9
//  10 solver                   rate inside the momentum, twice it for biases    outside; the same
//  12 detections               decoded, clipped in original pixels; NMS .3      in the input's, then scaled; NMS .5; side >= .01
//
// Not taken over, because it depends on an implementation's accident: unstable order of equal scores (here: the lower index first);
// py-faster-rcnn's CPU NMS that suppresses at IoU >= t where its GPU one has > t (here: >); more than 100 detections when scores tie at
// the 100th; a last batch of an epoch that is skipped; coordinates that wrap in 16 bits.
// Properties of one network, not of a convention: dropout (inverted everywhere but in the authors' ZF, whose masks do not scale and
// whose fc6 and fc7 are halved in testing), LRN, frozen layers, schedules.
#include "frcnn/geometry/conventions/caffe.hpp"
#include "frcnn/geometry/conventions/torchvision.hpp"

#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::conventions {

// Rules with the user's own coder in both places. C: default-constructible, models BoxCoder.
template <class Rules, class C>
struct with_coder : Rules {
  using coder = C;
  static constexpr C rpn_coder() { return C{}; }
  static constexpr C head_coder() { return C{}; }
};

// Whether two parts of a detector may stand together: those that name a convention as `rules` name the same one, or one that derives from
// it and so has its name. A mixture would be a detector that nobody has.
template <class A, class B>
consteval bool agree() {
  if constexpr (requires {
                  typename A::rules;
                  typename B::rules;
                })
    return std::string_view(A::rules::name) == B::rules::name;
  return true;
}

}  // namespace frcnn::conventions
FRCNN_HIDDEN_END
