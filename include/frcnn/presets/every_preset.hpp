#pragma once
// All presets of the library, for programs that let their user choose: those of presets.hpp, the paper's, and those on ResNet: four families,
// each of which costs as much compiling. A program that is content with presets.hpp does not include this.
//   every_preset<cpu>::with("zf", []<class Preset>() { ... })            every_preset<cpu>::names()
//   every_file_preset<cpu>::with(..)                                     what a model file may be of: these, and each unshared
//   load_detector(path, every_cpu_preset, options)                       the compiled library's load_detector(path) has them all anyway
#include "frcnn/presets/load_detector.hpp"
#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/presets/unshared.hpp"
#include "frcnn/presets/vgg16.hpp"
#include "frcnn/presets/zf.hpp"
#if FRCNN_COMPILED_PRESETS
#include "frcnn/presets/caffe_instances.hpp"
#include "frcnn/presets/resnet_instances.hpp"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Backend B>
using caffe_presets = preset_list<presets::zf<B>, presets::vgg16<B>>;
template <Backend B>
using resnet_presets = preset_list<presets::fasterrcnn_resnet50_fpn<B>, presets::fasterrcnn_resnet50_fpn_v2<B>, presets::resnet101_fpn<B>,
                                   presets::resnet50_c4<B>, presets::resnet101_c4<B>>;

namespace detail {
template <class... Lists>
struct joined;
template <class... Presets>
struct joined<preset_list<Presets...>> {
  using type = preset_list<Presets...>;
};
template <class... Presets, class... More, class... Lists>
struct joined<preset_list<Presets...>, preset_list<More...>, Lists...> : joined<preset_list<Presets..., More...>, Lists...> {};

// All presets of a device; a compiled library may have fewer (cuda_instances.cuh).
template <Backend B>
struct presets_of : joined<library_presets<B>, caffe_presets<B>, resnet_presets<B>> {};
}  // namespace detail

template <Backend B>
using every_preset = typename detail::presets_of<B>::type;

namespace detail {
template <class List>
struct of_files;
template <class... Presets>
struct of_files<preset_list<Presets...>> {
  using type = preset_list<Presets..., presets::unshared<Presets>...>;
  static constexpr preset_entry table[] = {preset_row<Presets>..., preset_row<presets::unshared<Presets>>...};
};
}  // namespace detail

template <Backend B>
using every_file_preset = typename detail::of_files<every_preset<B>>::type;

inline constexpr auto& every_cpu_preset = detail::of_files<every_preset<cpu>>::table;

}  // namespace frcnn
FRCNN_HIDDEN_END
