#pragma once
// The preset `small`: six 3x3 convolutions (stride 16, 256 channels), nine anchors from 24 to 96 pixels, fc 512-512. Trains from scratch in
// minutes on two cores.
#include "frcnn/presets/plain_torchvision.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct small_net : plain_torchvision<any_channels, B, T> {
  using base = plain_torchvision<any_channels, B, T>;
  static constexpr char const* name = "small";

  static typename base::config_type config(std::vector<std::string> classes) {
    auto c = base::config_of(name, backbone::small_chain(), std::move(classes));
    c.anchor_sizes = {{24, 48, 96}};
    c.short_side = 300;
    c.max_side = 1000;
    c.proposals.test = {6000, 300};
    c.head.fc6 = c.head.fc7 = 512;
    c.head.target.batch = 128;
    return c;
  }
  static std::string spec_of_format_1() { return base::spec_of_format_1(name); }
  static training_defaults training() {
    return {12, 2, {.lr = 0.01, .warmup = 100, .drops = {0.75}}, {.momentum = 0.9, .decay = 5e-4, .clip_norm = 10}};
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
