#pragma once
// Presets: detectors with a name. Each fixes convention, anchors, pooling, head, initialisation and schedule; files, programs and benchmarks
// use the name.
//   P::name, P::scalar, P::device, P::convention, P::model     the composed type
//   P::config(classes)    everything a model file tells          P::training()   the schedule
//   P::make(config)       a model with memory; parameters are undefined until initialised or loaded
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16_tv.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace presets {
inline constexpr char const* names = "small, vgg16_tv";
}

// f.template operator()<Preset>(); throws error when no preset has that name.
template <Backend B, class F>
decltype(auto) with_preset(std::string const& name, F&& f) {
  if (name == presets::small_net<B>::name) return f.template operator()<presets::small_net<B>>();
  if (name == presets::vgg16_tv<B>::name) return f.template operator()<presets::vgg16_tv<B>>();
  throw error("preset", std::string("one of ") + presets::names, name.empty() ? "none" : name);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
