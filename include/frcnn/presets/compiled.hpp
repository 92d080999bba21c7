#pragma once
// load_detector of the compiled library (target frcnn::cpu): the library's presets, with all their kernels, were compiled once, and this
// file needs the border alone. frcnn::cuda_presets adds the presets on CUDA.
#include "frcnn/detector/any_detector.hpp"
#include "frcnn/detector/foreign_options.hpp"
#include "frcnn/detector/model_weights.hpp"
#include "frcnn/presets/device_options.hpp"

#include <filesystem>
#include <functional>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

#if FRCNN_COMPILED_CPU  // else presets/load_detector.hpp has these
FRCNN_COMPILED_API any_detector load_detector(std::filesystem::path const& path, cpu_options const& options = {},
                                              model_weights how = model_weights::read);
FRCNN_COMPILED_API any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how = model_weights::read);
// Of other programs' files, too; note is told what was taken because nobody says it: presets/load_weights.hpp.
FRCNN_COMPILED_API any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign = {},
                                             cpu_options const& options = {}, std::function<void(std::string const&)> const& note = {});

// On the device that the options name. Throws error where it is not there: check_device.
#if FRCNN_COMPILED_CUDA
any_detector load_detector(std::filesystem::path const& path, device_options const& options, model_weights how = model_weights::read);
any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign, device_options const& options,
                          std::function<void(std::string const&)> const& note = {});
#else
FRCNN_PER_BUILD inline any_detector load_detector(std::filesystem::path const& path, device_options const& options,
                                                  model_weights how = model_weights::read) {
  check_device(options);
  return load_detector(path, options.cpu, how);
}
FRCNN_PER_BUILD inline any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign,
                                                 device_options const& options, std::function<void(std::string const&)> const& note = {}) {
  check_device(options);
  return load_weights(path, foreign, options.cpu, note);
}
#endif
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
