#pragma once
// What all presets of one chain of layers share: a backbone of one level, an RPN on its map, a Fast R-CNN head on a pooler.
//
// A family is a preset less what is data: it has types, and makes a model of any configuration. Presets derive from it; what they add are
// numbers, so that detectors, trainers and files of all of a family are compiled once. `family` names it
// (detector/family.hpp).
#include "frcnn/backbone/plain.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/detector/model_config.hpp"
#include "frcnn/geometry/describe_convention.hpp"
#include "frcnn/presets/training_defaults.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"
#include "frcnn/rpn/own_backbone.hpp"
#include "frcnn/rpn/rpn.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

// What a configuration has that belongs to its preset: names and values, for messages.
using fixed_settings = std::vector<std::pair<std::string, std::string>>;
inline std::string said(bool v) { return v ? "true" : "false"; }

// What such a preset may say: the options of its parts.
template <class Rules>
struct plain_config : model_config {
  backbone::chain chain;
  rpn_options<Rules> proposals;
  roi::pooling_options pooling;
  fast_rcnn_options<Rules> head;  // `classes` is as many as have names
  bool shares = true;             // false: RPN and head have a backbone each; a file says so by its preset's name (presets/unshared.hpp)

  int map_channels() const {
    int n = 0;
    for (auto const& layer : chain.layers)
      if (layer.channels > 0) n = layer.channels;
    return n;
  }

  // What is the preset's: its files say another name for another, or are refused where they say it (detail::check_fixed).
  fixed_settings fixed() const {
    return {{"chain", description(backbone::rounded<Rules>(chain).layers)},
            {"shares", said(shares)},
            {"head.names", std::string(head.names[0]) + " " + head.names[1]}};
  }

  // The model file's spec: what is in the code, then what the file decides.
  template <class Spec>
  void describe(Spec& spec) {
    model_config::describe(spec);
    spec.constant("backbone", description(backbone::rounded<Rules>(chain).layers));
    spec.group("convention", [&] { describe_convention<Rules>(spec); });
    spec.group("proposals", [&] { proposals.describe(spec); });
    spec.choice("pooler", pooling.kind, roi::pooling_names);
    spec.group("pooling", [&] { pooling.describe(spec); });
    spec.group("head", [&] { head.describe(spec); });
  }
};

// What tensors of RPN and head have the shape of: a training that starts from the weights of `from` takes it over.
template <class Config>
void take_shapes_of_parts(Config& config, Config const& from) {
  config.proposals.kernel = from.proposals.kernel;
  config.pooling = from.pooling;
  config.head.fc6 = from.head.fc6;
  config.head.fc7 = from.head.fc7;
  config.head.fc6_rank = from.head.fc6_rank;  // a compressed model stays one
  config.head.fc7_rank = from.head.fc7_rank;
  config.head.empirical_targets = from.head.empirical_targets;
}

// What a family's generator_type is made of: an RPN on maps of these strides and channels, behind a backbone of its own where RPN and head
// share nothing.
template <class Family, std::size_t Levels>
typename Family::generator_type generator_of(typename Family::config_type const& config, std::array<int, Levels> const& strides,
                                             int channels) {
  using rules = typename Family::convention;
  region_proposal_network<typename Family::features_type, rules> rpn(
      make_anchors<rules, static_cast<int>(Levels)>(config.anchor_sizes, config.anchor_ratios), strides, config.proposals, channels);
  if (config.shares) return typename Family::generator_type(std::move(rpn));
  return {Family::new_backbone(config), std::move(rpn)};
}

// Channels: of the chain's map, or any_channels. Config: plain_config, or what derives from it.
template <int Channels, Backend B, Real T, class Rules, template <class> class Config = plain_config>
struct plain_preset {
  using scalar = T;
  using device = B;
  using convention = Rules;
  using backbone_type = backbone::plain<Channels, T, B, convention>;
  using features_type = typename backbone_type::features_type;
  using generator_type = with_own_backbone<backbone_type, region_proposal_network<features_type, convention>, own::maybe>;
  using pooler_type = roi::pooler<features_type, convention>;  // of the kind that the configuration says
  using head_type = fast_rcnn_head<features_type, convention, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;
  using config_type = Config<convention>;

  static backbone_type new_backbone(config_type const& config) { return backbone_type(config.chain, config.normalisation.channels); }

  // home: of the context of the parameters.
  static std::unique_ptr<model> make(config_type const& config, typename B::options home = {}) {
    std::array<int, 1> const strides{config.chain.stride()};
    auto head = config.head;
    head.classes = static_cast<int>(config.classes.size());
    auto backbone = new_backbone(config);
    int const channels = backbone.map_channels(0);
    return std::make_unique<model>(std::move(backbone), generator_of<plain_preset>(config, strides, channels),
                                   head_type(pooler_type(strides, config.pooling, channels), head), home);
  }

  // Of a network whose head is never run (train/alternating.hpp).
  static config_type without_head(config_type config) {
    auto& head = config.head;
    head.fc6 = head.fc7 = 1;
    head.fc6_rank = head.fc7_rank = 0;
    head.empirical_targets = false;
    return config;
  }

  static void take_shapes(config_type& config, config_type const& from) { take_shapes_of_parts(config, from); }

 protected:
  // The convention's numbers; a preset sets its own.
  static config_type config_of(char const* name, backbone::chain chain, std::vector<std::string> classes) {
    config_type c;
    c.preset = name;
    c.chain = std::move(chain);
    c.classes = std::move(classes);
    c.anchor_ratios = {0.5, 1, 2};
    return c;
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
