#pragma once
// Detectors on ResNet with a feature pyramid: torchvision's of these names, whose weights they read, and ResNet-101.
//
//   fasterrcnn_resnet50_fpn      two fully connected layers
//   fasterrcnn_resnet50_fpn_v2   batch normalisation in pyramid and head too, two convolutions in the RPN, four and one fully connected layer
//                                in the head (Li et al. 2021)
//   resnet101_fpn                the first on ResNet-101
// They are one family, compiled once:
//
//   backbone    resnet of four stages, fpn over them: strides 4, 8, 16, 32, 64, of which regions are pooled from the first four
//   anchors     32, 64, 128, 256, 512, one size a map, x .5, 1, 2
//   proposals   the best 2,000 of each map in training and 1,000 in testing, then as many of all
//   head        RoIAlign 7 from the map that suits a region's size, fully connected layers of 1024
// Source: torchvision 0.29, models/detection/faster_rcnn.py.
#include "frcnn/backbone/fpn.hpp"
#include "frcnn/nn/conv_stack.hpp"
#include "frcnn/presets/resnet_preset.hpp"
#include "frcnn/roi/deep_pooler.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <class Rules>
struct resnet_fpn_config : resnet_config<Rules> {
  int fpn_channels = 256;
  bool normalises_all = false;  // batch normalisation in the pyramid and the head too
  int head_convolutions = 0;

  int map_channels() const { return fpn_channels; }
  std::optional<double> epsilon_of_rest() const { return normalises_all ? std::optional(this->body.epsilon) : std::nullopt; }

  fixed_settings fixed() const {
    auto all = this->fixed_parts();
    all.insert(all.end(), {{"fpn_channels", std::to_string(fpn_channels)},
                           {"normalises_all", said(normalises_all)},
                           {"head_convolutions", std::to_string(head_convolutions)}});
    return all;
  }

  template <class Spec>
  void describe(Spec& spec) {
    this->describe_all(spec, this->body.description() + ", fpn " + std::to_string(fpn_channels) + (normalises_all ? " normalised" : ""));
    spec.constant("head_convolutions", head_convolutions);
  }
};

template <Backend B, Real T>
struct resnet_fpn : resnet_preset<resnet_fpn_config<conventions::torchvision>> {
  using family = resnet_fpn;
  using scalar = T;
  using device = B;
  using convention = conventions::torchvision;
  using body_type = backbone::resnet<4, T, B, convention>;
  using backbone_type = backbone::fpn<body_type>;
  using features_type = typename backbone_type::features_type;
  using head_features = features<T, B, any_channels, 4>;
  using generator_type = with_own_backbone<backbone_type, region_proposal_network<features_type, convention>, own::maybe>;
  using pooler_type = roi::deep_pooler<roi::pooler<head_features, convention>, nn::conv_stack<T, B>, roi::rows_of::cells>;
  using head_type = fast_rcnn_head<head_features, convention, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;
  using config_type = resnet_fpn_config<convention>;
  static constexpr bool has_pyramid = true;

  static backbone_type new_backbone(config_type const& config) {
    return backbone_type(body_type(config.body, config.normalisation.channels), {config.fpn_channels, config.epsilon_of_rest()});
  }

  // home: of the context of the parameters.
  static std::unique_ptr<model> make(config_type const& config, typename B::options home = {}) {
    auto head = config.head;
    head.classes = static_cast<int>(config.classes.size());
    auto backbone = new_backbone(config);
    int const channels = config.fpn_channels;
    std::array<int, 5> strides;
    std::array<int, 4> of_head;
    for (int l = 0; l < 5; ++l) strides[static_cast<std::size_t>(l)] = backbone.stride(l);
    std::copy_n(strides.begin(), 4, of_head.begin());
    std::optional<nn::conv_stack<T, B>> layers;
    if (config.head_convolutions) layers.emplace(channels, config.head_convolutions, config.epsilon_of_rest());
    pooler_type pooler(roi::pooler<head_features, convention>(of_head, config.pooling, channels), std::move(layers));
    return std::make_unique<model>(std::move(backbone), generator_of<resnet_fpn>(config, strides, channels),
                                   head_type(std::move(pooler), head), home);
  }

  // Of a network whose head is never run (train/alternating.hpp).
  static config_type without_head(config_type config) {
    auto& head = config.head;
    head.fc6 = 1;
    head.fc7 = head.fc6_rank = head.fc7_rank = config.head_convolutions = 0;
    head.empirical_targets = false;
    return config;
  }

  static void freeze_published(model& m) { resnet_fpn::freeze_first(m, "body."); }

 protected:
  static config_type config_of(char const* name, backbone::resnet_layout body, std::vector<std::string> classes) {
    auto c = resnet_preset<config_type>::config_of(name, body, std::move(classes));
    c.anchor_sizes = {{32}, {64}, {128}, {256}, {512}};
    c.head.fc6 = c.head.fc7 = 1024;
    return c;
  }
};

template <Backend B, Real T = float>
struct fasterrcnn_resnet50_fpn : resnet_fpn<B, T> {
  static constexpr char const* name = "fasterrcnn_resnet50_fpn";
  static auto config(std::vector<std::string> classes) {
    return resnet_fpn<B, T>::config_of(name, backbone::resnet50_layout(), std::move(classes));
  }
};

template <Backend B, Real T = float>
struct fasterrcnn_resnet50_fpn_v2 : resnet_fpn<B, T> {
  static constexpr char const* name = "fasterrcnn_resnet50_fpn_v2";
  static auto config(std::vector<std::string> classes) {
    auto c = resnet_fpn<B, T>::config_of(name, backbone::resnet50_layout(), std::move(classes));
    c.normalises_all = true;
    c.proposals.convolutions = 2;
    c.head_convolutions = 4;
    c.head.fc7 = 0;
    c.head.names = {"5", ""};  // torchvision counts the convolutions and a Flatten
    return c;
  }
};

template <Backend B, Real T = float>
struct resnet101_fpn : resnet_fpn<B, T> {
  static constexpr char const* name = "resnet101_fpn";
  static auto config(std::vector<std::string> classes) {
    return resnet_fpn<B, T>::config_of(name, backbone::resnet101_layout(), std::move(classes));
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
