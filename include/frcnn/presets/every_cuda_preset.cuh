#pragma once
// All presets of the compiled library frcnn::cuda_presets: every_preset<cuda> has those of the families that it was built with.
//   every_preset<cuda>::with("small", []<class Preset>() { ... })
#include "frcnn/presets/cuda_instances.cuh"
#include "frcnn/presets/every_preset.hpp"

#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <>
struct presets_of<cuda> : joined<library_presets<cuda>, std::conditional_t<FRCNN_CUDA_CAFFE, caffe_presets<cuda>, preset_list<>>,
                                 std::conditional_t<FRCNN_CUDA_RESNET, resnet_presets<cuda>, preset_list<>>> {};

}  // namespace frcnn::inline FRCNN_ABI::detail
FRCNN_HIDDEN_END
