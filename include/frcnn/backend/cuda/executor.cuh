#pragma once
// exec<cuda>: the six words as kernels on the context's stream. For files that nvcc compiles.
#include "frcnn/backend/cuda/executor.hpp"
#include "frcnn/backend/cuda/graphs.cuh"
#include "frcnn/backend/cuda/launch.cuh"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <>
struct exec<cuda> : detail::block_executor<cuda> {};

}  // namespace frcnn
FRCNN_HIDDEN_END
