#pragma once
// Every backend whose operations are tested. A new one is a line of for_each_backend, and has its tests and its column of docs/backends.md.
// Compiled by nvcc (tests/cuda/ops.cu) it is the device alone, where there is one.
#include "frcnn/backend/cpu.hpp"
#if defined(__CUDACC__)
#include "frcnn/backend/cuda.cuh"
#else
#include "frcnn/backend/cuda/host/executor.hpp"
#include "frcnn/backend/cuda/host/ops.hpp"
#include "frcnn/backend/queued.hpp"
#endif

#include <string_view>
#include <vector>

namespace ops_described {

template <class B, bool InDouble = true>
struct tested {
  std::string_view column;
  // None: this build has not got it. The first is compared with the portable engine in double; the others must have its bits.
  std::vector<typename B::options> options;
  using device = B;
  static constexpr bool in_double = InDouble;
};

inline std::vector<frcnn::cpu_options> two_threads_and_others(frcnn::cpu_engine engine, bool is_there = true) {
  if (!is_there) return {};
  return {{.threads = 2, .engine = engine}, {.threads = 1, .engine = engine}, {.threads = 3, .engine = engine}};
}

// f(tested<B, ..>) for each.
template <class F>
void for_each_backend(F f) {
#if defined(__CUDACC__)
  int devices = 0;
  std::vector<frcnn::cuda_options> twice{{.deterministic = true}, {.deterministic = true}};
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) twice.clear();
  f(tested<frcnn::cuda>{"cuda", twice});
#else
  f(tested<frcnn::cpu>{"portable", two_threads_and_others(frcnn::cpu_engine::portable)});
  f(tested<frcnn::cpu>{"fast", two_threads_and_others(frcnn::cpu_engine::fast, frcnn::has_fast)});
  using frcnn::thread_order;
  f(tested<frcnn::cuda_on_host>{
      "cuda", {{.order = thread_order::ascending}, {.order = thread_order::descending}, {.order = thread_order::shuffled}}});
  f(tested<frcnn::queued, false>{"queued", {{.threads = 2}}});  // its double is the CPU's
#endif
}

}  // namespace ops_described
