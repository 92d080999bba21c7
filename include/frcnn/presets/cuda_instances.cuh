#pragma once
// The classes of the library's presets for CUDA, as the compiled library frcnn::cuda_presets holds them: what instances.hpp is for the CPU.
//
// nvcc compiles them in src/cuda_*.cu, a family each. A program includes this file in whatever its compiler compiles: it needs the headers
// of CUDA's runtime, cuDNN and cuBLASLt, and the library's own flags. Which families there are is the build's FRCNN_CUDA_FAMILIES.
#include "frcnn/backend/cuda.cuh"
#include "frcnn/backend/cuda/graphs.cuh"
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/proposer.hpp"
#include "frcnn/presets/instance_lists.hpp"
#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#include "frcnn/presets/zf.hpp"
#include "frcnn/train/sgd.hpp"
#include "frcnn/train/trainer.hpp"

#if !defined(FRCNN_CUDA_CAFFE)
#define FRCNN_CUDA_CAFFE 1
#endif
#if !defined(FRCNN_CUDA_RESNET)
#define FRCNN_CUDA_RESNET 1
#endif
// Files of the library define one of these.
#if !defined(FRCNN_CUDA_TORCHVISION_INSTANCE)
#define FRCNN_CUDA_TORCHVISION_INSTANCE extern template
#endif
#if !defined(FRCNN_CUDA_CAFFE_INSTANCE)
#define FRCNN_CUDA_CAFFE_INSTANCE extern template
#endif
#if !defined(FRCNN_CUDA_RESNET_INSTANCE)
#define FRCNN_CUDA_RESNET_INSTANCE extern template
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

FRCNN_COMMON_INSTANCES(FRCNN_CUDA_TORCHVISION_INSTANCE, cuda)
FRCNN_CHAIN_INSTANCES(FRCNN_CUDA_TORCHVISION_INSTANCE, plain_torchvision, cuda)
FRCNN_CUDA_TORCHVISION_INSTANCE class proposer<plain_torchvision_cuda>;
#if FRCNN_CUDA_CAFFE
FRCNN_CHAIN_INSTANCES(FRCNN_CUDA_CAFFE_INSTANCE, plain_caffe, cuda)
FRCNN_CUDA_CAFFE_INSTANCE class proposer<plain_caffe_cuda>;
#endif
#if FRCNN_CUDA_RESNET
FRCNN_RESNET_INSTANCES(FRCNN_CUDA_RESNET_INSTANCE, cuda)
FRCNN_CUDA_RESNET_INSTANCE class proposer<resnet_fpn_cuda>;
FRCNN_CUDA_RESNET_INSTANCE class proposer<resnet_c4_cuda>;
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
