#pragma once
// A model file to a detector whose preset is known at run time only.
//
// The file names its preset; a table {name, factory} has those that this program can load. Each family in it compiles a detector, presets of
// the same family no more than that.
//   auto d = load_detector("m.safetensors");       header-only: `small` and `vgg16_tv`; with the compiled library: all nine presets
//   constexpr preset_entry mine[] = {preset_row<presets::small_net<cpu>>, preset_row<my_preset>};
//   auto e = load_detector("m.safetensors", mine, {.threads = 2});
// Programs that want none of this compiled in their own files link the compiled library and include frcnn/load_detector.hpp.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/any_detector.hpp"
#include "frcnn/detector/model_file.hpp"
#include "frcnn/presets/device_options.hpp"
#include "frcnn/presets/presets.hpp"
#if FRCNN_COMPILED_CPU
#include "frcnn/presets/compiled.hpp"
#endif

#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// A preset, and what makes a detector of an open model file of it.
struct preset_entry {
  char const* name;
  any_detector (*load)(io::safetensors_file const&, cpu_options const&, model_weights);
};

template <class Preset>
inline constexpr preset_entry preset_row{Preset::name, [](io::safetensors_file const& file, cpu_options const& options, model_weights how) {
                                           return any_detector(detail::load<Preset>(file, options, how));
                                         }};

inline constexpr preset_entry cpu_presets[] = {preset_row<presets::small_net<cpu>>, preset_row<presets::vgg16_tv<cpu>>};

// options: of each detect call. Throws error: see model_file.hpp; and where the file names a preset that is not in the table.
inline any_detector load_detector(std::filesystem::path const& path, std::span<preset_entry const> table, cpu_options const& options = {},
                                  model_weights how = model_weights::read) {
  io::safetensors_file const file(path);
  std::string const name = preset_of(file);
  std::string names;
  for (auto const& entry : table) {
    if (name == entry.name) return entry.load(file, options, how);
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  detail::no_such_preset(names, name);
}

#if !FRCNN_COMPILED_CPU
inline any_detector load_detector(std::filesystem::path const& path, cpu_options const& options = {},
                                  model_weights how = model_weights::read) {
  return load_detector(path, cpu_presets, options, how);
}
inline any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how = model_weights::read) {
  return load_detector(path, cpu_options{.threads = threads}, how);
}
inline any_detector load_detector(std::filesystem::path const& path, device_options const& options,
                                  model_weights how = model_weights::read) {
  check_device(options);
  return load_detector(path, options.cpu, how);
}
#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
