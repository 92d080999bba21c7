// Processes with a GPU each that sum without end, until one of them ends: all end within 30 s, and one sentence names it.
//
//   mpirun -n 2 test_cuda_nccl_processes kill     process 1 is killed
//   mpirun -n 2 test_cuda_nccl_processes throw    process 1 throws
//   mpirun -n 2 test_cuda_nccl_processes          each sums 200 times, and the sums are right
// Status 0 where that is so as far as this process sees; scripts/gpu_check looks at the whole. Without a device it says so.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/backend/cuda.cuh"
#include "frcnn/backend/cuda/nccl.cuh"
#include "frcnn/core/buffer.hpp"
#include "frcnn/distributed/mpi.hpp"

#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

using namespace frcnn;

namespace {

[[noreturn]] void end_all(distributed::mpi_processes& processes, std::string const& sentence) {
  processes.end_all([&] { std::fprintf(stderr, "%s\n", sentence.c_str()); });
}

void work(distributed::mpi_processes& processes, std::string const& how) {
  distributed::mpi_communicator<cpu> by_mpi(processes);
  cpu::context host(cpu_options{.threads = 1});
  cuda::context c({.device = processes.rank_here()});
  nccl_communicator sums(c, by_mpi, host, {.failed = [&](error const& e) { end_all(processes, e.what()); }});
  std::vector<float> const ones(std::size_t{1} << 20, 1.f);
  buffer<float, cuda> there(c, ones.size());
  view<float, 1, cuda> const all{there.data(), {{static_cast<std::int32_t>(ones.size())}}};
  for (int i = 0; i < 200 || !how.empty(); ++i) {
    from_host(c, ones, all);
    sums.sum(c, std::span<float>(there.data(), ones.size()));
    sums.settle(c);
    auto const found = to_host(c, all);
    sums.check();
    if (found != std::vector<float>(ones.size(), static_cast<float>(sums.size())))
      throw error("sum " + std::to_string(i), "the number of processes in each element", std::to_string(found[0]));
    if (i == 100 && sums.rank() == 1 && how == "kill") std::raise(SIGKILL);
    if (i == 100 && sums.rank() == 1 && how == "throw") throw error("sum 100", "an image", "none");
  }
  if (sums.rank() == 0) std::printf("%d processes: 200 sums\n", sums.size());
}

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return std::puts("skipped: there is no CUDA device"), 0;
  distributed::mpi_processes processes;
  processes.watch([&](distributed::process_end const& e) {
    end_all(processes, "process " + std::to_string(e.rank) + ": expected to sum to the end, found its end");
  });
  try {
    work(processes, argc > 1 ? argv[1] : "");
  } catch (error const& e) {
    end_all(processes, "process " + std::to_string(processes.rank()) + ": " + e.what());
  }
  return 0;
}
