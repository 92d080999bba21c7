#pragma once
// What is measured, and against what: the engine's name and device, the number of threads, the machine's peak.
//
//   FRCNN_BENCH_THREADS   threads of every context (2)
// Another engine is another `engine` here; benchmarks take name and device from it and nowhere else.
#include <frcnn/backend/cpu.hpp>

namespace bench {

struct engine {
  static constexpr char const* name = "portable";
  using device = frcnn::cpu;
  static void wait(device::context&) {}  // returns when the device is done; the CPU always is
};
using device = engine::device;
using context = device::context;

int threads();
context& shared_context();

// Operations a second (a multiplication and an addition are two) of OpenBLAS's sgemm at 2048 x 2048 x 2048 on these threads: the best of
// five, measured at the first call. An engine with better kernels than this BLAS may pass it.
double gemm_peak();

}  // namespace bench
