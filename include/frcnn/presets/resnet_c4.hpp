#pragma once
// Detectors on ResNet without a pyramid: resnet50_c4 and resnet101_c4, a family.
//
//   backbone    resnet of three stages: one map of stride 16, 1,024 channels ("C4")
//   anchors     32, 64, 128, 256, 512 x .5, 1, 2
//   proposals   an RPN of one convolution of 1,024 channels; 12,000/2,000 in training, 6,000/1,000 in testing
//   head        RoIAlign 14, the fourth stage with stride 2, the mean of its 7 x 7 cells: no fully connected layers but the predictors
// The head's stage starts from the fourth of ImageNet weights, as the backbone's do (He et al. 2016, appendix A). Anchors and limits are those
// of detectron2's R50-C4; its weights are of another layout (stride in the first convolution of a block) and are not read.
#include "frcnn/nn/residual_stage.hpp"
#include "frcnn/presets/resnet_preset.hpp"
#include "frcnn/roi/deep_pooler.hpp"

#include <array>
#include <memory>
#include <optional>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <class Rules>
struct resnet_c4_config : resnet_config<Rules> {
  bool has_head_stage = true;  // false: of a network whose head is never run; no file has it

  int map_channels() const { return this->body.channels(this->body.stages - 1); }

  fixed_settings fixed() const {
    auto all = this->fixed_parts();
    all.emplace_back("has_head_stage", said(has_head_stage));
    return all;
  }

  template <class Spec>
  void describe(Spec& spec) {
    this->describe_all(spec, this->body.description());
  }
};

// The fourth stage, under the name that it has in a backbone.
template <Real T, Backend B>
struct head_stage : nn::residual_stage<T, B> {
  using nn::residual_stage<T, B>::residual_stage;
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("layer4");
    nn::residual_stage<T, B>::for_each_param(visit);
    visit.leave();
  }
};

template <Backend B, Real T>
struct resnet_c4 : resnet_preset<resnet_c4_config<conventions::torchvision>> {
  using family = resnet_c4;
  using scalar = T;
  using device = B;
  using convention = conventions::torchvision;
  using backbone_type = backbone::resnet<1, T, B, convention>;
  using features_type = typename backbone_type::features_type;
  using generator_type = with_own_backbone<backbone_type, region_proposal_network<features_type, convention>, own::maybe>;
  using pooler_type = roi::deep_pooler<roi::pooler<features_type, convention>, head_stage<T, B>, roi::rows_of::means>;
  using head_type = fast_rcnn_head<features_type, convention, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;
  using config_type = resnet_c4_config<convention>;

  static backbone_type new_backbone(config_type const& config) { return backbone_type(config.body, config.normalisation.channels); }

  // home: of the context of the parameters.
  static std::unique_ptr<model> make(config_type const& config, typename B::options home = {}) {
    auto head = config.head;
    head.classes = static_cast<int>(config.classes.size());
    std::array<int, 1> const strides{config.body.stride()};
    int const channels = config.map_channels();
    std::optional<head_stage<T, B>> layers;
    if (config.has_head_stage) layers.emplace(config.body.stage(config.body.stages));
    pooler_type pooler(roi::pooler<features_type, convention>(strides, config.pooling, channels), std::move(layers));
    return std::make_unique<model>(new_backbone(config), generator_of<resnet_c4>(config, strides, channels),
                                   head_type(std::move(pooler), head), home);
  }

  // Of a network whose head is never run (train/alternating.hpp): predictors on one number of a region.
  static config_type without_head(config_type config) {
    config.has_head_stage = false;
    config.pooling.pooled = 1;
    config.head.fc6 = 1;
    config.head.fc7 = config.head.fc6_rank = config.head.fc7_rank = 0;
    config.head.empirical_targets = false;
    return config;
  }

  static void freeze_published(model& m) { resnet_c4::freeze_first(m, ""); }

 protected:
  static config_type config_of(char const* name, backbone::resnet_layout body, std::vector<std::string> classes) {
    body.stages = 3;
    auto c = resnet_preset<config_type>::config_of(name, body, std::move(classes));
    c.anchor_sizes = {{32, 64, 128, 256, 512}};
    c.proposals.train = {12000, 2000};
    c.proposals.test = {6000, 1000};
    c.pooling.pooled = 14;
    c.head.fc6 = c.head.fc7 = 0;
    return c;
  }
};

template <Backend B, Real T = float>
struct resnet50_c4 : resnet_c4<B, T> {
  static constexpr char const* name = "resnet50_c4";
  static auto config(std::vector<std::string> classes) {
    return resnet_c4<B, T>::config_of(name, backbone::resnet50_layout(), std::move(classes));
  }
};

template <Backend B, Real T = float>
struct resnet101_c4 : resnet_c4<B, T> {
  static constexpr char const* name = "resnet101_c4";
  static auto config(std::vector<std::string> classes) {
    return resnet_c4<B, T>::config_of(name, backbone::resnet101_layout(), std::move(classes));
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
