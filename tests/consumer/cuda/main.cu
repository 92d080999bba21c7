// A user's program on the CUDA backend: one layer, and its sum over one process. Where there is no device it says so, and that is no failure.
#include <frcnn/backend/cpu.hpp>
#include <frcnn/backend/cuda.cuh>
#if WITH_NCCL
#include <frcnn/backend/cuda/nccl.cuh>
#endif
#include <frcnn/core/buffer.hpp>

#include <cstdio>

using namespace frcnn;

int main() try {
  cuda::context c;
  buffer<float, cuda> memory(c, 4);
  from_host(c, std::vector<float>{1, 2, 3, 4}, view<float, 1, cuda>{memory.data(), {{4}}});  // x = [1 2], W = [3 4], y
  buffer<float, cuda> y(c, 1);
  ops::linear<cuda>::forward<float>(c, false, view<float const, 2, cuda>{memory.data(), {{1, 2}}},
                                    view<float const, 1, cuda>{memory.data() + 2, {{2}}}, view<float const, 1, cuda>{},
                                    view<float, 2, cuda>{y.data(), {{1, 1}}});
#if WITH_NCCL
  cpu::context host(1);
  null_communicator<cpu> alone;
  nccl_communicator sums(c, alone, host);
  sums.sum(c, std::span<float>(y.data(), 1));
  sums.settle(c);
#endif
  float const found = to_host(c, view<float, 1, cuda>{y.data(), {{1}}})[0];
  std::printf("frcnn on CUDA: %g\n", static_cast<double>(found));
  return found == 11 ? 0 : 1;
} catch (error const& e) {
  std::printf("%s\n", e.what());
  return e.found().substr(0, 4) == "none" ? 0 : 1;
}
