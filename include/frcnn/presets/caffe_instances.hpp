#pragma once
// The classes of `zf` and `vgg16` for the CPU, as the compiled library holds them: beside instances.hpp, which says how, so that the two
// are compiled side by side. src/cpu_caffe.cpp defines these.
#include "frcnn/presets/instances.hpp"
#include "frcnn/presets/vgg16.hpp"
#include "frcnn/presets/zf.hpp"

#if !defined(FRCNN_CAFFE_INSTANCE)
#define FRCNN_CAFFE_INSTANCE extern template
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

FRCNN_CHAIN_INSTANCES(FRCNN_CAFFE_INSTANCE, plain_caffe, cpu)

}  // namespace frcnn
FRCNN_HIDDEN_END
