#pragma once
// The preset `vgg16_tv`: VGG-16 to conv5_3, nine anchors from 128 to 512 pixels, fc 4096-4096 with dropout, as torchvision's FasterRCNN around
// its vgg16 features. conv1 and conv2 are frozen; 12,000/2,000 proposals in training, 6,000/300 in testing, as the paper has them.
#include "frcnn/presets/plain_torchvision.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct vgg16_tv : plain_torchvision<backbone::vgg16_tv_spec, B, T> {
  using base = plain_torchvision<backbone::vgg16_tv_spec, B, T>;
  static constexpr char const* name = "vgg16_tv";

  static model_config config(std::vector<std::string> classes) {
    return {name, std::move(classes), {{128, 256, 512}}, {0.5, 1, 2}, 600, 1000, pixel_normalisation::imagenet()};
  }
  static training_defaults training() {
    return {12,
            1,
            {.lr = 0.001, .warmup = 100, .drops = {0.75}},
            {.momentum = 0.9, .decay = 5e-4, .clip_norm = 10, .lr_inside_momentum = base::convention::lr_inside_momentum}};
  }
  static std::unique_ptr<typename base::model> make(model_config const& config) {
    rpn_options<typename base::convention> rpn;
    rpn.train = {12000, 2000};
    rpn.test = {6000, 300};
    fast_rcnn_options<typename base::convention> head;
    head.dropout = 0.5;
    head.target.batch = 128;
    return base::compose(config, rpn, head);
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
