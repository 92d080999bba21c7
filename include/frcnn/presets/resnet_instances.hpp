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

using resnet_fpn_family = presets::resnet_fpn<cpu, float>;
FRCNN_RESNET_INSTANCE class nn::residual_stage<float, cpu>;
FRCNN_RESNET_INSTANCE class nn::conv_stack<float, cpu>;
FRCNN_RESNET_INSTANCE class backbone::resnet<4, float, cpu, resnet_fpn_family::convention>;
FRCNN_RESNET_INSTANCE class backbone::fpn<backbone::resnet<4, float, cpu, resnet_fpn_family::convention>>;
FRCNN_RESNET_INSTANCE class region_proposal_network<resnet_fpn_family::features_type, resnet_fpn_family::convention>;
FRCNN_RESNET_INSTANCE class roi::pooler<resnet_fpn_family::head_features, resnet_fpn_family::convention>;
FRCNN_RESNET_INSTANCE class fast_rcnn_head<resnet_fpn_family::head_features, resnet_fpn_family::convention, resnet_fpn_family::pooler_type>;
FRCNN_RESNET_INSTANCE class faster_rcnn<resnet_fpn_family::backbone_type, resnet_fpn_family::generator_type, resnet_fpn_family::head_type>;
FRCNN_RESNET_INSTANCE class detector<resnet_fpn_family>;
FRCNN_RESNET_INSTANCE class trainer<resnet_fpn_family::model>;
FRCNN_RESNET_INSTANCE struct presets::resnet_fpn<cpu, float>;

// Its RPN is plain_torchvision's.
using resnet_c4_family = presets::resnet_c4<cpu, float>;
FRCNN_RESNET_INSTANCE class backbone::resnet<1, float, cpu, resnet_c4_family::convention>;
FRCNN_RESNET_INSTANCE class fast_rcnn_head<resnet_c4_family::features_type, resnet_c4_family::convention, resnet_c4_family::pooler_type>;
FRCNN_RESNET_INSTANCE class faster_rcnn<resnet_c4_family::backbone_type, resnet_c4_family::generator_type, resnet_c4_family::head_type>;
FRCNN_RESNET_INSTANCE class detector<resnet_c4_family>;
FRCNN_RESNET_INSTANCE class trainer<resnet_c4_family::model>;
FRCNN_RESNET_INSTANCE struct presets::resnet_c4<cpu, float>;

}  // namespace frcnn
FRCNN_HIDDEN_END
