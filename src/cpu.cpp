// The compiled library for the CPU: kernels and the library's presets, once. What it exports is in presets/compiled.hpp.
#define FRCNN_INSTANCE template
#include "frcnn/presets/instances.hpp"

#include "frcnn/presets/load_detector.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

any_detector load_detector(std::filesystem::path const& path, cpu_options const& options, model_weights how) {
  return frcnn::load_detector(path, cpu_presets, options, how);
}
any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how) {
  return frcnn::load_detector(path, cpu_options{.threads = threads}, how);
}

}  // namespace frcnn
