#pragma once
// Every op of frcnn::cuda. For files that nvcc compiles; links cuDNN and cuBLASLt.
#include "frcnn/backend/cuda/conv2d.cuh"
#include "frcnn/backend/cuda/linear.cuh"
#include "frcnn/backend/cuda/ops.hpp"
