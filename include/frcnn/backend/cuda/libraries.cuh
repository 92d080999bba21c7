#pragma once
// cuDNN's and cuBLASLt's handles of a context, made at first use, and what their statuses mean. Calls go through c.call(), as CUDA's own.
//
// Example: c.call({"cudnnSoftmaxForward"}, cudnnSoftmaxForward, cudnn_of(c), ...);
#include "frcnn/backend/cuda/context.cuh"

#include <cublasLt.h>
#include <cudnn.h>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <>
struct status_of<cudnnStatus_t> {
  static constexpr cudnnStatus_t success = CUDNN_STATUS_SUCCESS;
  static std::string text(cudnnStatus_t s) { return cudnnGetErrorString(s); }
};
template <>
struct status_of<cublasStatus_t> {
  static constexpr cublasStatus_t success = CUBLAS_STATUS_SUCCESS;
  static std::string text(cublasStatus_t s) { return cublasLtGetStatusString(s); }
};

struct cudnn_library {
  cudnnHandle_t handle = nullptr;

  explicit cudnn_library(cuda::context& c) {
    c.call({"cudnnCreate", cuda_calls::allocates}, cudnnCreate, &handle);
    try {
      c.call({"cudnnSetStream"}, cudnnSetStream, handle, c.stream());
    } catch (...) {
      cudnnDestroy(handle);
      throw;
    }
  }
  ~cudnn_library() { cudnnDestroy(handle); }
  cudnn_library(cudnn_library const&) = delete;
  cudnn_library& operator=(cudnn_library const&) = delete;
};

struct cublaslt_library {
  cublasLtHandle_t handle = nullptr;

  explicit cublaslt_library(cuda::context& c) { c.call({"cublasLtCreate", cuda_calls::allocates}, cublasLtCreate, &handle); }
  ~cublaslt_library() { cublasLtDestroy(handle); }
  cublaslt_library(cublaslt_library const&) = delete;
  cublaslt_library& operator=(cublaslt_library const&) = delete;
};

}  // namespace detail

inline cudnnHandle_t cudnn_of(cuda::context& c) { return c.state<detail::cudnn_library>().handle; }
inline cublasLtHandle_t cublaslt_of(cuda::context& c) { return c.state<detail::cublaslt_library>().handle; }

}  // namespace frcnn
FRCNN_HIDDEN_END
