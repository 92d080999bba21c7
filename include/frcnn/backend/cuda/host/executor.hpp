#pragma once
// exec<cuda_on_host>: the CUDA backend's words, run by the host launcher.
#include "frcnn/backend/cuda/executor.hpp"
#include "frcnn/backend/cuda/host/graphs.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <>
struct exec<cuda_on_host> : detail::block_executor<cuda_on_host> {};

}  // namespace frcnn
FRCNN_HIDDEN_END
