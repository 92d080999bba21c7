// The compiled library for the CPU, its border (presets/compiled.hpp). The other files of src/cpu_*.cpp hold the presets' classes, which
// this one uses as programs do.
#define FRCNN_COMPILED_PRESETS 1
#define FRCNN_DEFINES_LOAD_WEIGHTS
#include "frcnn/presets/load_weights.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

any_detector load_detector(std::filesystem::path const& path, cpu_options const& options, model_weights how) {
  return frcnn::load_detector(path, every_cpu_preset, options, how);
}
any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how) {
  return frcnn::load_detector(path, cpu_options{.threads = threads}, how);
}

any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign, cpu_options const& options,
                          std::function<void(std::string const&)> const& note) {
  return load_any_weights<cpu>(path, foreign, options, note);
}

}  // namespace frcnn
