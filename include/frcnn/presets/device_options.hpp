#pragma once
// What a detector computes with, chosen at run time: the CPU, or a CUDA device where the program has that backend compiled.
//
// Example: auto d = load_detector("m.safetensors", {.device = device_type::cuda, .cuda = {.precision = compute::tf32}});
#include "frcnn/backend/cpu/options.hpp"
#include "frcnn/backend/cuda/options.hpp"
#include "frcnn/core/error.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class device_type : std::uint8_t { cpu, cuda };

struct device_options {
  device_type device = device_type::cpu;
  cpu_options cpu;
  cuda_options cuda;
};

#if FRCNN_COMPILED_CUDA
// Throws error where the device is not there. Defined in the compiled library frcnn::cuda_presets.
void check_device(device_options const& options);
#else
FRCNN_PER_BUILD inline void check_device(device_options const& options) {
  if (options.device == device_type::cuda) throw error("device", "cpu: this build has no CUDA backend (docs/cuda.md)", "cuda");
}
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
