#pragma once
// What all presets on ResNet share, with a feature pyramid or without: configuration, what weights decide, what is frozen, the schedule.
//
// Batch normalisation is frozen, in training too: its statistics are those of the weights that a training begins with. Without such weights
// (--init) it does nothing, and a training from scratch learns slowly. A caller that has them freezes the stem and the first stage, as
// torchvision does with three trainable stages of five (freeze_published).
// Source of the schedule: torchvision 0.29, references/detection, whose rate is .02 for 16 images.
#include "frcnn/backbone/resnet.hpp"
#include "frcnn/presets/plain_preset.hpp"

#include <algorithm>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <class Rules>
struct resnet_config : model_config {
  backbone::resnet_layout body;
  rpn_options<Rules> proposals;
  roi::pooling_options pooling;
  fast_rcnn_options<Rules> head;  // `classes` is as many as have names
  bool shares = true;             // false: RPN and head have a backbone each; a file says so by its preset's name (presets/unshared.hpp)

  double& norm_epsilon() { return body.epsilon; }

 protected:
  // Of fixed(), as plain_config has it. The fourth stage is the head's where the backbone has three.
  fixed_settings fixed_parts() const {
    return {{"body", body.description()},
            {"body.blocks[3]", std::to_string(body.blocks[3])},
            {"shares", said(shares)},
            {"head.names", std::string(head.names[0]) + " " + head.names[1]}};
  }

  // backbone: what the code has.
  template <class Spec>
  void describe_all(Spec& spec, std::string const& backbone) {
    model_config::describe(spec);
    spec.constant("backbone", backbone);
    spec.number("norm_epsilon", body.epsilon, 0, 1);
    spec.group("convention", [&] { describe_convention<Rules>(spec); });
    spec.group("proposals", [&] { proposals.describe(spec); });
    spec.choice("pooler", pooling.kind, roi::pooling_names);
    spec.group("pooling", [&] { pooling.describe(spec); });
    spec.group("head", [&] { head.describe(spec); });
    head.describe_dropout(spec, false);
    spec.choice("targets", head.empirical_targets, "fixed", "empirical");
  }
};

// Config: a resnet_config.
template <class Config>
struct resnet_preset {
  using config_type = Config;
  static constexpr bool expects_imagenet = true;

  // Of the weights' normalisation too.
  static void take_shapes(config_type& config, config_type const& from) {
    take_shapes_of_parts(config, from);
    config.body.epsilon = from.body.epsilon;
  }

  static training_defaults training() {
    return {12, 2, {.lr = 0.0025, .warmup = 500, .drops = {16. / 26, 22. / 26}}, {.momentum = 0.9, .decay = 1e-4}};
  }

 protected:
  // The stem and the first stage, in every backbone that the model has. body: "", or "body." below a pyramid.
  template <class Model>
  static void freeze_first(Model& m, std::string const& body) {
    auto& store = m.parameters();
    for (std::string const backbone : {"backbone.", "rpn.backbone."})
      if (auto const scope = backbone + body;
          std::ranges::any_of(store.entries(), [&](auto const& e) { return e.name.starts_with(scope + "layer1."); }))
        for (auto const* layer : {"conv1", "layer1"}) store.freeze(scope + layer);
  }

  static config_type config_of(char const* name, backbone::resnet_layout body, std::vector<std::string> classes) {
    config_type c;
    c.preset = name;
    c.classes = std::move(classes);
    c.body = body;
    c.anchor_ratios = {0.5, 1, 2};
    c.short_side = 800;
    c.max_side = 1333;
    return c;
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
