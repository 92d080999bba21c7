#pragma once
// What is measured, and against what: the engines of this build, the number of threads, the machine's peaks.
//
//   FRCNN_BENCH_THREADS   threads of every context (2)
// Benchmarks take the engines' names from here and nowhere else; another engine is another line of `engines`.
#include <frcnn/backend/cpu.hpp>

#include <vector>

namespace bench {

using device = frcnn::cpu;
using context = device::context;

struct engine {
  char const* name;
  frcnn::cpu_engine kind;
};
inline std::vector<engine> const& engines() {
  static std::vector<engine> const all = [] {
    std::vector<engine> some{{"portable", frcnn::cpu_engine::portable}};
    if (frcnn::has_fast) some.push_back({"fast", frcnn::cpu_engine::fast});
    return some;
  }();
  return all;
}

int threads();

// The machine on these threads, the best of several runs, measured at the first call.
struct machine {
  double fma_peak;    // operations a second (a multiplication and an addition are two): multiply-adds that never leave the registers
  double gemm_peak;   // the same of OpenBLAS's sgemm at 2048 x 2048 x 2048
  double read, copy;  // bytes a second, of 256 MiB: read; read and written
};
machine const& measured();

}  // namespace bench
