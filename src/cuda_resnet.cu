// The compiled library for CUDA: what nvcc compiles of the presets on ResNet.
#define FRCNN_CUDA_RESNET_INSTANCE template
#include "frcnn/presets/cuda_instances.cuh"
