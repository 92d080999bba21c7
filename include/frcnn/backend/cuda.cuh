#pragma once
// The CUDA backend: all that frcnn::cuda needs. For files that nvcc compiles; component cuda of the CMake package (docs/cuda.md).
#include "frcnn/backend/cuda/executor.cuh"
#include "frcnn/backend/cuda/ops.cuh"
