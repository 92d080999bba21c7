#pragma once
// What `small` and `vgg16_tv` share: torchvision's convention, RoIAlign 7 with sampling ratio 2 unless the configuration says otherwise.
// Their targets are the coder's, as torchvision's are, and dropout scales in training; where targets are normalised by class besides, or
// dropout scales in testing, their spec says so.
#include "frcnn/presets/plain_preset.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <class Rules>
struct torchvision_config : plain_config<Rules> {
  template <class Spec>
  void describe(Spec& spec) {
    plain_config<Rules>::describe(spec);
    this->head.describe_dropout(spec, false);
    bool& empirical = this->head.empirical_targets;
    if (spec.has("targets", empirical)) spec.choice("targets", empirical, "fixed", "empirical");
    else empirical = false;
  }
};

template <int Channels, Backend B, Real T>
struct plain_torchvision : plain_preset<Channels, B, T, conventions::torchvision, torchvision_config> {
  using family = plain_torchvision;

  // What files of format "frcnn 1" leave to their preset, as it was when they were written: it must not follow config(), nor the code.
  static std::string spec_of_format_1(std::string const& preset) {
    if (preset == "small")
      return frozen_spec(
          "conv 32 3x3/2 pad 1, conv 64 3x3/2 pad 1, conv 128 3x3/2 pad 1, conv 128 3x3/1 pad 1, "
          "conv 256 3x3/2 pad 1, conv 256 3x3/1 pad 1",
          2000, 512);
    if (preset == "vgg16_tv")
      return frozen_spec(
          "conv 64 3x3/1 pad 1, conv 64 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 128 3x3/1 pad 1, "
          "conv 128 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 256 3x3/1 pad 1, conv 256 3x3/1 pad 1, "
          "conv 256 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 512 3x3/1 pad 1, conv 512 3x3/1 pad 1, "
          "conv 512 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 512 3x3/1 pad 1, conv 512 3x3/1 pad 1, "
          "conv 512 3x3/1 pad 1",
          12000, 4096);
    throw error("preset of a file of format \"frcnn 1\"", "small or vgg16_tv", preset);
  }

 protected:
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
