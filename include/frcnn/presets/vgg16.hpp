#pragma once
// The preset `vgg16`: the thirteen convolutions of VGG-16 with pools that round up, RoIPool 7, inverted dropout; the authors' convention.
// conv1 and conv2 stay as ImageNet weights have them (section 3.1.3; models/pascal_voc/VGG16).
#include "frcnn/presets/plain_caffe.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct vgg16 : plain_caffe<any_channels, B, T> {
  using base = plain_caffe<any_channels, B, T>;
  static constexpr char const* name = "vgg16";

  static typename base::base::config_type config(std::vector<std::string> classes) {
    return base::config_of(name, backbone::vgg16_chain(), 7, std::move(classes));
  }
  template <class Model>
  static void freeze_published(Model& model) {
    base::freeze_layers(model, {"0", "2", "5", "7"});
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
