#pragma once
// A model file to a detector whose preset is known at run time only.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/model_file.hpp"
#include "frcnn/presets/presets.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// options: of each detect call. Throws error: see model_file.hpp; and where the file names a preset that is not there.
inline any_detector load_detector(std::filesystem::path const& path, cpu_options options = {}, model_weights how = model_weights::read) {
  io::safetensors_file const file(path);
  return with_preset<cpu>(preset_of(file), [&]<class Preset>() { return any_detector(detail::load<Preset>(file, options, how)); });
}
inline any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how = model_weights::read) {
  return load_detector(path, cpu_options{.threads = threads}, how);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
