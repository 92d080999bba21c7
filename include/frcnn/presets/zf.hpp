#pragma once
// The preset `zf`: the five convolutions of Zeiler and Fergus with normalisation within a channel, RoIPool 6, dropout that is scaled in
// testing; the authors' convention. Nothing is frozen, with ImageNet weights neither (models/pascal_voc/ZF).
#include "frcnn/presets/plain_caffe.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

template <Backend B, Real T = float>
struct zf : plain_caffe<any_channels, B, T> {
  using base = plain_caffe<any_channels, B, T>;
  static constexpr char const* name = "zf";

  static typename base::base::config_type config(std::vector<std::string> classes) {
    auto c = base::config_of(name, backbone::zf_chain(), 6, std::move(classes));
    c.head.dropout_form = nn::dropout_form::in_testing;
    return c;
  }
  template <class Model>
  static void freeze_published(Model&) {}
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
