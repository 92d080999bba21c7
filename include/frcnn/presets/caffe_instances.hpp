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

#define FRCNN_CAFFE_INSTANCES_OF(preset, channels)                                                           \
  FRCNN_CAFFE_INSTANCE class backbone::plain<channels, float, cpu, conventions::caffe>;                      \
  FRCNN_CAFFE_INSTANCE class region_proposal_network<preset::features_type, preset::convention>;             \
  FRCNN_CAFFE_INSTANCE class roi::pooler<preset::features_type, preset::convention>;                         \
  FRCNN_CAFFE_INSTANCE class fast_rcnn_head<preset::features_type, preset::convention, preset::pooler_type>; \
  FRCNN_CAFFE_INSTANCE class faster_rcnn<preset::backbone_type, preset::generator_type, preset::head_type>;  \
  FRCNN_CAFFE_INSTANCE class detector<preset>;                                                               \
  FRCNN_CAFFE_INSTANCE class trainer<preset::model>;                                                         \
  FRCNN_CAFFE_INSTANCE struct presets::plain_caffe<channels, cpu, float>;                                    \
  FRCNN_CAFFE_INSTANCE struct preset;

FRCNN_CAFFE_INSTANCES_OF(presets::zf<cpu>, 256)
FRCNN_CAFFE_INSTANCES_OF(presets::vgg16<cpu>, 512)
#undef FRCNN_CAFFE_INSTANCES_OF

}  // namespace frcnn
FRCNN_HIDDEN_END
