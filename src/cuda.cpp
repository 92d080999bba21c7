// The compiled library for CUDA, its border: detectors on the device that the caller names.
#define FRCNN_DEFINES_LOAD_WEIGHTS
#include "frcnn/presets/every_cuda_preset.cuh"
#include "frcnn/presets/load_weights.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

void check_device(device_options const& options) {
  if (options.device == device_type::cuda) static_cast<void>(detail::device_stream(options.cuda.device));
}

int visible_cuda_devices() noexcept {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess) return devices;
  static_cast<void>(cudaGetLastError());
  return 0;
}

std::string cuda_device_id(int device) {
  char id[32] = "";
  if (auto const status = cudaDeviceGetPCIBusId(id, sizeof id, device); status != cudaSuccess)
    throw error("device", "a CUDA device of number " + std::to_string(device), cudaGetErrorString(status));
  return id;
}

// Weights are never mapped here: the device has a copy.
any_detector load_detector(std::filesystem::path const& path, device_options const& options, model_weights how) {
  check_device(options);
  if (options.device == device_type::cpu) return load_detector(path, options.cpu, how);
  return load_any_weights<cuda>(path, {}, options.cuda, {});
}

any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign, device_options const& options,
                          std::function<void(std::string const&)> const& note) {
  check_device(options);
  if (options.device == device_type::cpu) return load_weights(path, foreign, options.cpu, note);
  return load_any_weights<cuda>(path, foreign, options.cuda, note);
}

}  // namespace frcnn
