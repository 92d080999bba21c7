// The compiled library for CUDA: what nvcc compiles of the presets of the paper.
#define FRCNN_CUDA_CAFFE_INSTANCE template
#include "frcnn/presets/cuda_instances.cuh"
