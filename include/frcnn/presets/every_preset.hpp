#pragma once
// All presets of the library, for programs that let their user choose: those of presets.hpp, and the paper's, which cost as much compiling
// again. A program that is content with presets.hpp does not include this.
//   every_preset<cpu>::with("zf", []<class Preset>() { ... })            every_preset<cpu>::names()
//   load_detector(path, every_cpu_preset, options)                       the compiled library's load_detector(path) has them all anyway
#include "frcnn/presets/load_detector.hpp"
#include "frcnn/presets/vgg16.hpp"
#include "frcnn/presets/zf.hpp"
#if FRCNN_COMPILED_PRESETS
#include "frcnn/presets/caffe_instances.hpp"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Backend B>
using every_preset = preset_list<presets::small_net<B>, presets::vgg16_tv<B>, presets::zf<B>, presets::vgg16<B>>;

inline constexpr preset_entry every_cpu_preset[] = {preset_row<presets::small_net<cpu>>, preset_row<presets::vgg16_tv<cpu>>,
                                                    preset_row<presets::zf<cpu>>, preset_row<presets::vgg16<cpu>>};

}  // namespace frcnn
FRCNN_HIDDEN_END
