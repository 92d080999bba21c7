#pragma once
// load_detector of the compiled library (target frcnn::cpu): the library's presets, with all their kernels, were compiled once, and this
// file needs the border alone.
#include "frcnn/backend/cpu/options.hpp"
#include "frcnn/detector/any_detector.hpp"
#include "frcnn/detector/foreign_options.hpp"
#include "frcnn/detector/model_weights.hpp"

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
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
