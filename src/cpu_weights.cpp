// The compiled library for the CPU: detectors of other programs' files of weights.
#define FRCNN_DEFINES_LOAD_WEIGHTS
#include "frcnn/presets/load_weights.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign, cpu_options const& options,
                          std::function<void(std::string const&)> const& note) {
  return load_any_weights<cpu>(path, foreign, options, note);
}

}  // namespace frcnn
