#pragma once
// The classes of the library's presets for the CPU, as the compiled library holds them: explicit instantiations.
//
// Where FRCNN_COMPILED_PRESETS is 1, which the target frcnn::cpu_presets sets, this file declares that they are elsewhere, and a program
// that trains or composes the library's presets compiles neither them nor the kernels below them. It must have the library's own flags:
// another build (config.hpp) has other names, and does not link. src/cpu_kernels.cpp and src/cpu_torchvision.cpp define them.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/presets/instance_lists.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#include "frcnn/train/sgd.hpp"
#include "frcnn/train/trainer.hpp"

#if !defined(FRCNN_COMMON_INSTANCE)
#define FRCNN_COMMON_INSTANCE extern template
#endif
#if !defined(FRCNN_TORCHVISION_INSTANCE)
#define FRCNN_TORCHVISION_INSTANCE extern template
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

FRCNN_COMMON_INSTANCES(FRCNN_COMMON_INSTANCE, cpu)
FRCNN_CHAIN_INSTANCES(FRCNN_TORCHVISION_INSTANCE, plain_torchvision, cpu)

}  // namespace frcnn
FRCNN_HIDDEN_END
