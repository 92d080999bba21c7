#pragma once
// The preset `vgg16_tv`: VGG-16 to conv5_3, nine anchors from 128 to 512 pixels, fc 4096-4096 with dropout, as torchvision's FasterRCNN
// around its vgg16 features. conv1 and conv2 are frozen; 12,000/2,000 proposals in training, 6,000/300 in testing, as the paper has them.
#include "frcnn/presets/plain_torchvision.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct vgg16_tv : plain_torchvision<any_channels, B, T> {
  using base = plain_torchvision<any_channels, B, T>;
  static constexpr char const* name = "vgg16_tv";

  static typename base::config_type config(std::vector<std::string> classes) {
    auto c = base::config_of(name, backbone::vgg16_tv_chain(), std::move(classes));
    c.anchor_sizes = {{128, 256, 512}};
    c.short_side = 600;
    c.max_side = 1000;
    c.proposals.train = {12000, 2000};
    c.proposals.test = {6000, 300};
    c.head.fc6 = c.head.fc7 = 4096;
    c.head.dropout = 0.5;
    c.head.target.batch = 128;
    return c;
  }
  static std::string spec_of_format_1() { return base::spec_of_format_1(name); }
  static training_defaults training() {
    return {12, 1, {.lr = 0.001, .warmup = 100, .drops = {0.75}}, {.momentum = 0.9, .decay = 5e-4, .clip_norm = 10}};
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
