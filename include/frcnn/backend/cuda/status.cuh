#pragma once
// How calls of CUDA's libraries are made: each goes through call(), which asks whether it may be made now (calls.hpp), and turns a status
// that is not success into a frcnn::error that names the call, the line and the reason.
//
// Example: call(calls, {"cudaMemcpyAsync"}, cudaMemcpyAsync, to, from, n, cudaMemcpyDefault, stream);
//          "cudaMemcpyAsync (context.cuh:120): expected success, found cudaErrorInvalidValue: invalid argument"
// Driver functions are looked up at run time (cudaGetDriverEntryPointByVersion): a program does not link libcuda, and starts on a machine
// without a driver.
#include "frcnn/backend/cuda/calls.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Specialised for the status of each library: success, and text(status), its name and reason.
template <class Status>
struct status_of;

template <>
struct status_of<cudaError_t> {
  static constexpr cudaError_t success = cudaSuccess;
  static std::string text(cudaError_t e) { return std::string(cudaGetErrorName(e)) + ": " + cudaGetErrorString(e); }
};

struct named_call {
  char const* name;
  cuda_calls::kind kind;
  char const* file;
  int line;
  // Of the caller. (std::source_location is not in clang 14.)
  named_call(char const* n, cuda_calls::kind k = cuda_calls::queues, char const* f = __builtin_FILE(), int l = __builtin_LINE())
      : name(n), kind(k), file(f), line(l) {}

  std::string text() const {
    std::string_view const path = file;
    return std::string(name) + " (" + std::string(path.substr(path.find_last_of('/') + 1)) + ":" + std::to_string(line) + ")";
  }
};

template <class Status>
void check_status(named_call const& what, Status status) {
  if (status == status_of<Status>::success) return;
  static_cast<void>(cudaGetLastError());  // of the library's own calls, too: else who looks next reports it again
  throw error(what.text(), "success", status_of<Status>::text(status));
}

template <class F, class... Arguments>
void call(cuda_calls& calls, named_call const& what, F f, Arguments... arguments) {
  calls.admit(what.name, what.kind);
  check_status(what, f(arguments...));
}

// A function of the driver, by its name and the version of CUDA whose signature is meant (10020: 10.2).
template <class F>
F driver_function(char const* name, unsigned version) {
  void* f = nullptr;
  cudaDriverEntryPointQueryResult found{};
  named_call const what("cudaGetDriverEntryPointByVersion");
  check_status(what, cudaGetDriverEntryPointByVersion(name, &f, version, cudaEnableDefault, &found));
  if (found != cudaDriverEntryPointSuccess || !f) throw error(what.text(), std::string("a driver that has ") + name, "one without");
  return reinterpret_cast<F>(f);
}

template <>
struct status_of<CUresult> {
  static constexpr CUresult success = CUDA_SUCCESS;
  static std::string text(CUresult e) {
    char const *name = nullptr, *reason = nullptr;
    driver_function<CUresult (*)(CUresult, char const**)>("cuGetErrorName", 6000)(e, &name);
    driver_function<CUresult (*)(CUresult, char const**)>("cuGetErrorString", 6000)(e, &reason);
    return std::string(name ? name : std::to_string(static_cast<int>(e))) + ": " + (reason ? reason : "no reason given");
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
