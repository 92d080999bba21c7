// A GPU: the device that CUDA counts as the first (CUDA_VISIBLE_DEVICES chooses).
#include "../engine.hpp"

#include <benchmark/benchmark.h>
#include <cudnn.h>

#include <string>

namespace bench {

std::vector<engine> const& engines() {
  static std::vector<engine> const all{
      {"cuda-exact", {}}, {"cuda-tf32", {.precision = frcnn::compute::tf32}}, {"cuda-bf16", {.precision = frcnn::compute::bf16}}};
  return all;
}
std::vector<variant> variants() { return {}; }
void add_device_rows() {}
double peak() { return 0; }

void describe_device() {
  cudaDeviceProp device{};
  int driver = 0, runtime = 0;
  if (cudaGetDeviceProperties(&device, 0) != cudaSuccess) return;  // each row says that there is none
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  benchmark::AddCustomContext("device", device.name);
  benchmark::AddCustomContext("cuda_driver", std::to_string(driver));
  benchmark::AddCustomContext("cuda_runtime", std::to_string(runtime));
  benchmark::AddCustomContext("cudnn", std::to_string(cudnnGetVersion()));
}

}  // namespace bench
