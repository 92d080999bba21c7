#pragma once
// The detector of a model file, whichever of the library's presets it is of: from the compiled library where the build has it, so that the
// program compiles no network; else compiled here.
#include <frcnn/config.hpp>

#if FRCNN_COMPILED_CPU
#include <frcnn/load_detector.hpp>
#else
#include <frcnn/load.hpp>
#include <frcnn/presets/every_preset.hpp>
#endif

namespace console {

inline frcnn::any_detector load_any_model(std::filesystem::path const& file, frcnn::cpu_options const& options) {
#if FRCNN_COMPILED_CPU
  return frcnn::load_detector(file, options);
#else
  return frcnn::load_detector(file, frcnn::every_cpu_preset, options);
#endif
}

}  // namespace console
