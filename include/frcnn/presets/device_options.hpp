#pragma once
// What a detector computes with, chosen at run time: the CPU, or a CUDA device where the program has that backend compiled.
//
// Example: auto d = load_detector("m.safetensors", {.device = device_type::cuda, .cuda = {.precision = compute::tf32}});
#include "frcnn/backend/cpu/options.hpp"
#include "frcnn/backend/cuda/options.hpp"
#include "frcnn/core/error.hpp"

#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class device_type : std::uint8_t { cpu, cuda };

struct device_options {
  device_type device = device_type::cpu;
  cpu_options cpu;
  cuda_options cuda;
};

#if FRCNN_COMPILED_CUDA
// All are defined in the compiled library frcnn::cuda_presets.
// Throws error where the device is not there.
void check_device(device_options const& options);
// How many CUDA devices this process sees; 0 where it sees none.
int visible_cuda_devices() noexcept;
// Names the GPU behind a device of this process: its place on the bus. Throws error where it is not there.
std::string cuda_device_id(int device);
#else
FRCNN_PER_BUILD inline void check_device(device_options const& options) {
  if (options.device == device_type::cuda) throw error("device", "cpu: this build has no CUDA backend (docs/cuda.md)", "cuda");
}
FRCNN_PER_BUILD inline int visible_cuda_devices() noexcept { return 0; }
#endif

// Which of its `visible` devices a process takes, the number rank_here of those on its machine: the one of that number, or the only one,
// where a launcher shows each process a device of its own (srun --gpus-per-task=1).
FRCNN_PER_BUILD constexpr int device_of_process(int rank_here, int visible) { return visible == 1 ? 0 : rank_here; }

}  // namespace frcnn
FRCNN_HIDDEN_END
