#pragma once
// What `small` and `vgg16_tv` share: one chain of convolutions, RoIAlign 7 with sampling ratio 2, one level, torchvision's convention.
#include "frcnn/backbone/plain.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/detector/model_config.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"
#include "frcnn/rpn/rpn.hpp"
#include "frcnn/train/schedule.hpp"
#include "frcnn/train/sgd_options.hpp"

#include <memory>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

// How a preset trains unless told otherwise.
struct training_defaults {
  int epochs, batch;
  schedule rate;  // steps: set when the data is known
  sgd_options optimiser;
};

template <class Spec, Backend B, Real T>
struct plain_torchvision {
  using scalar = T;
  using device = B;
  using convention = conventions::torchvision;
  using backbone_type = backbone::plain<Spec, T, B>;
  using features_type = typename backbone_type::features_type;
  using generator_type = region_proposal_network<features_type, convention>;
  using pooler_type = roi::align_pooler<features_type, convention>;
  using head_type = fast_rcnn_head<features_type, convention, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;

 protected:
  static std::unique_ptr<model> compose(model_config const& config, rpn_options<convention> const& rpn,
                                        fast_rcnn_options<convention> head) {
    constexpr std::array<int, 1> strides{backbone_type::stride(0)};
    head.classes = static_cast<int>(config.classes.size());
    head.fc6_rank = config.fc_ranks[0];
    head.fc7_rank = config.fc_ranks[1];
    return std::make_unique<model>(backbone_type(),
                                   generator_type(make_anchors<convention, 1>(config.anchor_sizes, config.anchor_ratios), strides, rpn),
                                   head_type(pooler_type(strides), head));
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
