#pragma once
// The classes of the library's presets for the CPU, as the compiled library holds them: explicit instantiations.
//
// Where FRCNN_COMPILED_PRESETS is 1, which the target frcnn::cpu_presets sets, this file declares that they are elsewhere, and a program
// that trains or composes the library's presets compiles neither them nor the kernels below them. It must have the library's own flags:
// another build (config.hpp) has other names, and does not link. src/cpu.cpp defines them.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#include "frcnn/train/sgd.hpp"
#include "frcnn/train/trainer.hpp"

#if !defined(FRCNN_INSTANCE)
#define FRCNN_INSTANCE extern template
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

FRCNN_INSTANCE class nn::conv<float, cpu>;
FRCNN_INSTANCE class nn::linear<float, cpu>;
FRCNN_INSTANCE class nn::low_rank_linear<float, cpu>;
FRCNN_INSTANCE class parameter_store<float, cpu>;
FRCNN_INSTANCE class input_batch<float, cpu>;
FRCNN_INSTANCE class sgd<float, cpu>;
FRCNN_INSTANCE class backbone::chain_network<float, cpu>;

// how: `template`, or `extern template`; base: the template of a family, of which base_family is the library's.
#define FRCNN_INSTANCES_OF(how, base)                                                                            \
  using base##_family = presets::base<any_channels, cpu, float>;                                                 \
  how class backbone::plain<any_channels, float, cpu, base##_family::convention>;                                \
  how class region_proposal_network<base##_family::features_type, base##_family::convention>;                    \
  how class roi::pooler<base##_family::features_type, base##_family::convention>;                                \
  how class fast_rcnn_head<base##_family::features_type, base##_family::convention, base##_family::pooler_type>; \
  how class faster_rcnn<base##_family::backbone_type, base##_family::generator_type, base##_family::head_type>;  \
  how class detector<base##_family>;                                                                             \
  how class trainer<base##_family::model>;                                                                       \
  how struct presets::base<any_channels, cpu, float>;

FRCNN_INSTANCES_OF(FRCNN_INSTANCE, plain_torchvision)

}  // namespace frcnn
FRCNN_HIDDEN_END
