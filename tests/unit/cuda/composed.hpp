#pragma once
// The device of tests of whole detectors, which are compiled twice: by the host's compiler for the host launcher, and by nvcc, where it is, for
// a GPU (tests/cuda/device.cu).
#if defined(__CUDACC__)
#include "frcnn/backend/cuda.cuh"
#else
#include "frcnn/backend/cuda/host/executor.hpp"
#include "frcnn/backend/cuda/host/ops.hpp"
#endif

#include "../detector/trained.hpp"

namespace composed_tests {

using namespace frcnn;

#if defined(__CUDACC__)
using device = cuda;
inline cuda_options const ways[] = {{.deterministic = true}};

inline bool is_there() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}
#else
using device = cuda_on_host;
inline cuda_on_host::options const ways[] = {{}, {.order = thread_order::descending}, {.order = thread_order::shuffled}};

inline bool is_there() { return true; }
#endif

using on_cpu = detector_tests::narrow_preset<cpu>;
using on_cuda = detector_tests::narrow_preset<device>;

inline cpu_options const portable{.threads = 2, .engine = cpu_engine::portable};

}  // namespace composed_tests
