#pragma once
// Lists of the classes that a compiled library holds, for a device: instances.hpp and its neighbours have them for the CPU,
// cuda_instances.hpp for CUDA.
//   how      `template`, which defines them, or `extern template`, which says that they are elsewhere
//   device   cpu or cuda
#include "frcnn/detector/input.hpp"
#include "frcnn/nn/conv_norm.hpp"
#include "frcnn/ops/fit_planes.hpp"
#include "frcnn/rpn/siblings.hpp"

#include <functional>
#include <stop_token>

// What all presets stand on.
#define FRCNN_COMMON_INSTANCES(how, device)         \
  how class nn::conv<float, device>;                \
  how class nn::conv_norm<float, device>;           \
  how class nn::linear<float, device>;              \
  how class nn::low_rank_linear<float, device>;     \
  how class parameter_store<float, device>;         \
  how class input_batch<float, device>;             \
  how class sgd<float, device>;                     \
  how class rpn::siblings<float, device>;           \
  how class backbone::chain_network<float, device>; \
  how void ops::fit_planes<float, device>(device::context&, view<float const, 3, device>, view<float, 3, device>);

// With run() as a recipe calls it.
#define FRCNN_TRAINER_INSTANCE(how, model, device) \
  how class trainer<model>;                        \
  how bool trainer<model>::run(std::function<void(std::uint64_t, input_batch<float, device>&)>& feed, std::stop_token stop);

// base: the template of a family of chains, such as plain_torchvision.
#define FRCNN_CHAIN_INSTANCES(how, base, device)                                                                       \
  using base##_##device = presets::base<any_channels, device, float>;                                                  \
  how class backbone::plain<any_channels, float, device, base##_##device::convention>;                                 \
  how class region_proposal_network<base##_##device::features_type, base##_##device::convention>;                      \
  how class roi::pooler<base##_##device::features_type, base##_##device::convention>;                                  \
  how class fast_rcnn_head<base##_##device::features_type, base##_##device::convention, base##_##device::pooler_type>; \
  how class faster_rcnn<base##_##device::backbone_type, base##_##device::generator_type, base##_##device::head_type>;  \
  how class detector<base##_##device>;                                                                                 \
  FRCNN_TRAINER_INSTANCE(how, base##_##device::model, device)                                                          \
  how struct presets::base<any_channels, device, float>;

// The RPN of resnet_c4 is plain_torchvision's.
#define FRCNN_RESNET_INSTANCES(how, device)                                                                                        \
  using resnet_fpn_##device = presets::resnet_fpn<device, float>;                                                                  \
  using resnet_c4_##device = presets::resnet_c4<device, float>;                                                                    \
  how class nn::residual_stage<float, device>;                                                                                     \
  how class nn::conv_stack<float, device>;                                                                                         \
  how class backbone::resnet<4, float, device, resnet_fpn_##device::convention>;                                                   \
  how class backbone::fpn<backbone::resnet<4, float, device, resnet_fpn_##device::convention>>;                                    \
  how class region_proposal_network<resnet_fpn_##device::features_type, resnet_fpn_##device::convention>;                          \
  how class roi::pooler<resnet_fpn_##device::head_features, resnet_fpn_##device::convention>;                                      \
  how class fast_rcnn_head<resnet_fpn_##device::head_features, resnet_fpn_##device::convention, resnet_fpn_##device::pooler_type>; \
  how class faster_rcnn<resnet_fpn_##device::backbone_type, resnet_fpn_##device::generator_type, resnet_fpn_##device::head_type>;  \
  how class detector<resnet_fpn_##device>;                                                                                         \
  FRCNN_TRAINER_INSTANCE(how, resnet_fpn_##device::model, device)                                                                  \
  how struct presets::resnet_fpn<device, float>;                                                                                   \
  how class backbone::resnet<1, float, device, resnet_c4_##device::convention>;                                                    \
  how class fast_rcnn_head<resnet_c4_##device::features_type, resnet_c4_##device::convention, resnet_c4_##device::pooler_type>;    \
  how class faster_rcnn<resnet_c4_##device::backbone_type, resnet_c4_##device::generator_type, resnet_c4_##device::head_type>;     \
  how class detector<resnet_c4_##device>;                                                                                          \
  FRCNN_TRAINER_INSTANCE(how, resnet_c4_##device::model, device)                                                                   \
  how struct presets::resnet_c4<device, float>;
