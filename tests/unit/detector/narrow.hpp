#pragma once
// The detector that the tests of whole steps train: the preset `small`, narrower.
#include "frcnn/backbone/plain.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"
#include "frcnn/rpn/rpn.hpp"

#include <memory>

namespace detector_tests {

using namespace frcnn;

struct narrow_spec {
  static constexpr char const* name = "narrow";
  static constexpr backbone::stage stages[] = {backbone::conv(4, 3, 2), backbone::conv(8, 3, 2),  backbone::conv(8, 3, 2),
                                               backbone::conv(8),       backbone::conv(12, 3, 2), backbone::conv(12)};
  static constexpr int frozen = 0;
};

template <class Spec, Real T, class Conv = conventions::torchvision, template <class, class> class Pooler = roi::align_pooler>
struct parts {
  using backbone_type = backbone::plain<Spec, T, cpu>;
  using features_type = typename backbone_type::features_type;
  using pooler_type = Pooler<features_type, Conv>;
  using generator_type = region_proposal_network<features_type, Conv>;
  using head_type = fast_rcnn_head<features_type, Conv, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;

  static std::unique_ptr<model> make(rpn_options<Conv> const& rpn, fast_rcnn_options<Conv> const& head) {
    std::array<int, 1> const strides{backbone_type::stride(0)};
    return std::make_unique<model>(backbone_type(), generator_type(make_anchors<Conv, 1>({{24, 48, 96}}, {.5, 1, 2}), strides, rpn),
                                   head_type(pooler_type(strides), head));
  }
};

}  // namespace detector_tests
