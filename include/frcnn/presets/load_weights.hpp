#pragma once
// load_weights(path): a detector of any file of weights, this library's or not (detector/weights_file.hpp), whose preset is known at run
// time only.
//
//   auto d = load_weights("model.pth", {.preset = "fasterrcnn_resnet50_fpn", .classes = {"cat", "dog"}}, {.threads = 2});
// A model of this library says all itself. The compiled library has this (presets/compiled.hpp); header-only it compiles every preset, and
// needs frcnn::io.
#include "frcnn/detector/weights_file.hpp"
#include "frcnn/presets/every_preset.hpp"
#if FRCNN_COMPILED_CPU
#include "frcnn/presets/compiled.hpp"
#endif

#include <functional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// The preset of a file: its own, or of another program's the one that is told. Throws error for none, and for another than the file's own.
inline std::string preset_of(weights_file const& file, std::string const& told) {
  if (file.is_ours()) {
    auto const theirs = file.preset();
    if (!told.empty() && told != theirs) throw error("preset", "that of " + file.name() + ", " + theirs, told);
    return theirs;
  }
  if (told.empty())
    throw error(file.name(), "a preset, the network that its weights are of: " + every_preset<cpu>::names(),
                "none, and a file of another program (of a model of this library that was saved anew, take the one before: what it says of "
                "itself is lost)");
  return told;
}

#if !FRCNN_COMPILED_CPU || defined(FRCNN_DEFINES_LOAD_WEIGHTS)
template <Backend B>
any_detector load_any_weights(std::filesystem::path const& path, foreign_options const& foreign, typename B::options const& options,
                              std::function<void(std::string const&)> const& note) {
  weights_file const file(path, foreign.key);
  return every_file_preset<B>::with(preset_of(file, foreign.preset), [&]<class Preset>() {
    any_detector d(load_family<Preset>(file, foreign, options));
    if (auto const sentence = taken_unsaid<family_of<Preset>>(file, foreign.norm_epsilon); note && !sentence.empty()) note(sentence);
    return d;
  });
}
#endif
#if !FRCNN_COMPILED_CPU
// note: told what was taken because nobody says it.
inline any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign = {}, cpu_options const& options = {},
                                 std::function<void(std::string const&)> const& note = {}) {
  return load_any_weights<cpu>(path, foreign, options, note);
}
inline any_detector load_weights(std::filesystem::path const& path, foreign_options const& foreign, device_options const& options,
                                 std::function<void(std::string const&)> const& note = {}) {
  check_device(options);
  return load_weights(path, foreign, options.cpu, note);
}
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
