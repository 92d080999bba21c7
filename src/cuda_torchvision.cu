// The compiled library for CUDA: what nvcc compiles of the presets under torchvision's convention.
#define FRCNN_CUDA_TORCHVISION_INSTANCE template
#include "frcnn/presets/cuda_instances.cuh"
