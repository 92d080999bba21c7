#pragma once
// The preset `small`: six 3x3 convolutions (stride 16, 256 channels), nine anchors from 24 to 96 pixels, fc 512-512. Trains from scratch in
// minutes on two cores.
#include "frcnn/presets/plain_torchvision.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct small_net : plain_torchvision<backbone::small_spec, B, T> {
  using base = plain_torchvision<backbone::small_spec, B, T>;
  static constexpr char const* name = "small";

  static model_config config(std::vector<std::string> classes) {
    return {name, std::move(classes), {{24, 48, 96}}, {0.5, 1, 2}, 300, 1000, pixel_normalisation::imagenet()};
  }
  static training_defaults training() {
    return {12,
            2,
            {.lr = 0.01, .warmup = 100, .drops = {0.75}},
            {.momentum = 0.9, .decay = 5e-4, .clip_norm = 10, .lr_inside_momentum = base::convention::lr_inside_momentum}};
  }
  static std::unique_ptr<typename base::model> make(model_config const& config) {
    rpn_options<typename base::convention> rpn;
    rpn.test = {6000, 300};
    fast_rcnn_options<typename base::convention> head;
    head.fc6 = head.fc7 = 512;
    head.target.batch = 128;
    return base::compose(config, rpn, head);
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
