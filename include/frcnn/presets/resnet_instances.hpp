#pragma once
// The classes of the presets on ResNet for the CPU, as the compiled library holds them: beside instances.hpp, which says how.
// src/cpu_resnet.cpp defines these.
#include "frcnn/presets/instances.hpp"
#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"

#if !defined(FRCNN_RESNET_INSTANCE)
#define FRCNN_RESNET_INSTANCE extern template
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

FRCNN_RESNET_INSTANCES(FRCNN_RESNET_INSTANCE, cpu)

}  // namespace frcnn
FRCNN_HIDDEN_END
