#pragma once
// What `small` and `vgg16_tv` share: one chain of convolutions, RoIAlign 7 with sampling ratio 2, one level, torchvision's convention.
#include "frcnn/backbone/plain.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/detector/model_config.hpp"
#include "frcnn/geometry/describe_convention.hpp"
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

// What such a preset may say: the options of its parts.
template <class Pooler, class Rules>
struct plain_config : model_config {
  backbone::chain chain;
  rpn_options<Rules> proposals;
  roi::pooling_options pooling;
  fast_rcnn_options<Rules> head;  // `classes` is as many as have names

  // The model file's spec: what is in the code, then what the file decides.
  template <class Spec>
  void describe(Spec& spec) {
    model_config::describe(spec);
    spec.constant("backbone", description(backbone::rounded<Rules>(chain).stages));
    spec.group("convention", [&] { describe_convention<Rules>(spec); });
    spec.group("proposals", [&] { proposals.describe(spec); });
    spec.constant("pooler", Pooler::name);
    spec.group("pooling", [&] { pooling.describe(spec); });
    spec.group("head", [&] { head.describe(spec); });
  }
};

// Channels: of the chain's map.
template <int Channels, Backend B, Real T>
struct plain_torchvision {
  using scalar = T;
  using device = B;
  using convention = conventions::torchvision;
  using backbone_type = backbone::plain<Channels, T, B, convention>;
  using features_type = typename backbone_type::features_type;
  using generator_type = region_proposal_network<features_type, convention>;
  using pooler_type = roi::align_pooler<features_type, convention>;
  using head_type = fast_rcnn_head<features_type, convention, pooler_type>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;
  using config_type = plain_config<pooler_type, convention>;

  static std::unique_ptr<model> make(config_type const& config) {
    std::array<int, 1> const strides{config.chain.stride()};
    auto head = config.head;
    head.classes = static_cast<int>(config.classes.size());
    return std::make_unique<model>(
        backbone_type(config.chain, config.normalisation.channels),
        generator_type(make_anchors<convention, 1>(config.anchor_sizes, config.anchor_ratios), strides, config.proposals),
        head_type(pooler_type(strides, config.pooling), head));
  }

  // What tensors have the shape of: a training that starts from the weights of `from` takes it over.
  static void take_shapes(config_type& config, config_type const& from) {
    config.proposals.kernel = from.proposals.kernel;
    config.pooling = from.pooling;
    config.head.fc6 = from.head.fc6;
    config.head.fc7 = from.head.fc7;
    config.head.fc6_rank = from.head.fc6_rank;  // a compressed model stays one
    config.head.fc7_rank = from.head.fc7_rank;
  }

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

  // What files of format "frcnn 1" leave to their preset, as it was when they were written: it must not follow config(), nor the code.
  static std::string frozen_spec(char const* chain, int before_nms, int width) {
    auto const fc = std::to_string(width);
    return std::string(R"({"backbone":")") + chain +
           R"(","convention":{"name":"torchvision","size_divisor":32,"objectness":"sigmoid","filters_before_top_n":false,)"
           R"("selects_per_level":true,"proposal_min_side":0.001,"detection_min_side":0.01,"decodes_in_original_pixels":false,)"
           R"("roi_pool_end_offset":0.0,"ceil_pooling":false,)"
           R"("rpn_coder":{"weight":[1.0,1.0,1.0,1.0],"mean":[0.0,0.0,0.0,0.0],"log_cap":4.135166556742356,"far_edge":0.0},)"
           R"("head_coder":{"weight":[10.0,10.0,5.0,5.0],"mean":[0.0,0.0,0.0,0.0],"log_cap":4.135166556742356,"far_edge":0.0}})"
           R"(,"proposals":{"kernel":3,"train":{"before_nms":)" +
           std::to_string(before_nms) +
           R"(,"after_nms":2000},"test":{"before_nms":6000,"after_nms":300},"stage":{"before_nms":2147483647,"after_nms":2000},"nms_iou":0.7})"
           R"(,"pooler":"RoIAlign","pooling":{"pooled":7,"sampling":2},"head":{"fc6":)" +
           fc + R"(,"fc7":)" + fc + R"(,"fc6_rank":0,"fc7_rank":0,"detections":{"score":0.05,"nms":0.5,"max_detections":100}}})";
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
