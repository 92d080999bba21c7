#pragma once
// Model files: safetensors with everything detect needs, and nothing else (no time, host or path): equal models give equal bytes.
//
//   tensors   every parameter by its name, logical order, F32 (F64 of a double model)
//   metadata  format "frcnn 2", spec: the configuration of the detector as JSON (detector/spec.hpp), and checksums (io/tensor_sums.hpp)
//
//   save(detector, path)            load<presets::small_net<cpu>>(path)            load_detector(path): whatever preset the file names
// A detector is made of the numbers of its file: editing a preset changes none that is there. What is in the code (the convention, the
// backbone's chain) the file says too, and a file that says another is refused. Files of format "frcnn 1" say less: preset, classes,
// anchors, sides, normalisation and ranks; the rest is Preset::spec_of_format_1(), where there is one, else what the preset has now.
// load reads all weights: what happens to the file afterwards does not affect the detector.
// load(path, options, model_weights::mapped) maps large weights that memory has in the order of the file, fully connected layers', instead:
// a process begins sooner, and several share one copy. It is for programs that own the folder of the file, which must not be changed in
// place while such a detector lives: written over, it silently becomes a mixture of two networks; cut short, it ends the process
// (io/mapping.hpp). save(), which replaces a file, may. Reading throws error naming the file and the tensor or key: a file cut short, of
// another preset or version, with a key that is missing or unknown, a missing, extra or misshapen tensor. What load would refuse, save
// refuses: no classes, names that are not UTF-8 or there twice, sides and numbers out of range, another network than the preset's.
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/parameter_io.hpp"
#include "frcnn/detector/spec.hpp"
#include "frcnn/io/safetensors.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

inline constexpr char const *model_format = "frcnn 2", *model_format_1 = "frcnn 1";

// Throws error where it is no model file.
inline bool is_of_format_1(io::safetensors_file const& file) {
  bool const has = file.metadata().contains("format");
  if (has && file.metadata("format") == model_format_1) return true;
  if (!has || file.metadata("format") != model_format)
    throw error(file.name(), std::string("a model file of this library (metadata \"format\": \"") + model_format + "\")",
                has ? io::in_quotes(file.metadata("format")) : "tensors without it");
  return false;
}

// For messages.
inline std::string place_in(io::safetensors_file const& file) { return file.name() + (is_of_format_1(file) ? ", metadata" : ", spec"); }

inline spec_json spec_in(io::safetensors_file const& file) {
  return io::parse_json(file.name() + ", metadata \"spec\"", "a specification", 8, file.metadata("spec"));
}

// Puts what a file of format "frcnn 1" says of any detector into a spec.
inline void read_format_1(io::safetensors_file const& file, spec_json& spec) {
  auto const told = [&](char const* key) {
    return io::parse_json(file.name() + ", metadata \"" + key + "\"", "a value", 4, file.metadata(key));
  };
  spec["version"] = spec_version;
  spec["preset"] = file.metadata("preset");
  spec["classes"] = told("classes");
  spec["anchors"] = {{"sizes", told("anchor_sizes")}, {"ratios", told("anchor_ratios")}};
  spec["input"] = {{"short_side", told("short_side")}, {"max_side", told("max_side")}, {"normalisation", told("normalisation")}};
  if (file.metadata().contains("fc_ranks")) {
    auto const ranks = told("fc_ranks");
    if (!ranks.is_array() || ranks.size() != 2)
      throw error(file.name() + ", metadata \"fc_ranks\"", "two whole numbers", io::in_quotes(file.metadata("fc_ranks")));
    spec["head"]["fc6_rank"] = ranks[0];
    spec["head"]["fc7_rank"] = ranks[1];
  }
}

// What such files leave to a preset: its spec_of_format_1(), where there is one, else what it has now. A family is told the name.
template <class Preset>
std::string left_to_preset([[maybe_unused]] std::string const& name) {
  if constexpr (requires { Preset::spec_of_format_1(); }) return Preset::spec_of_format_1();
  else if constexpr (requires { Preset::name; }) return spec_writer(Preset::name).text_of(Preset::config({"any"}));
  else if constexpr (requires { Preset::spec_of_format_1(name); }) return Preset::spec_of_format_1(name);
  else throw error("preset of a file of format \"frcnn 1\"", "one that was there when they were written", name);
}
// The whole spec that such a file stands for.
inline spec_json spec_of_format_1(io::safetensors_file const& file, std::string (*left)(std::string const&)) {
  auto spec = spec_json::parse(left(file.metadata("preset")));
  read_format_1(file, spec);
  return spec;
}

// What a file says of a model of this preset, in either format.
template <class Preset>
spec_json spec_of(io::safetensors_file const& file) {
  return is_of_format_1(file) ? spec_of_format_1(file, left_to_preset<Preset>) : spec_in(file);
}

// The spec of a configuration as text; where: the file, for messages.
template <class Config>
std::string to_spec(Config const& config, std::string const& where) {
  try {
    return spec_writer(where).text_of(config);
  } catch (nlohmann::json::exception const&) {  // JSON is UTF-8
    throw error(where, "names of classes in UTF-8", "other bytes");
  }
}

// Throws what load<Preset> of the file would throw, before it is written; a family has no name, and its files are any preset's.
template <class Preset>
void check_can_load([[maybe_unused]] detector<Preset> const& d, [[maybe_unused]] std::filesystem::path const& path) {
  if constexpr (requires { Preset::name; }) {
    auto const file = path.string();
    if (d.config().preset != Preset::name)
      throw error(file, std::string("a model of preset ") + Preset::name, "one whose configuration says \"" + d.config().preset + "\"");
    auto const spec = spec_json::parse(to_spec(d.config(), file));
    auto config = Preset::config({});
    spec_reader(file + ", spec", spec).read(config);
    try {
      check_fixed<Preset>(d.config());  // what no spec says, too
    } catch (error const& e) {
      throw e.in(file + ", " + e.where());
    }
  }
}

}  // namespace detail

template <class Preset>
void save(detector<Preset> const& d, std::filesystem::path const& path) {
  detail::check_can_load(d, path);
  if constexpr (detail::OfFamily<Preset>) {
    save<typename Preset::family>(d, path);
  } else {
    io::safetensors_writer out;
    out.metadata = {{"format", detail::model_format}, {"spec", detail::to_spec(d.config(), path.string())}};
    add_parameters(out, d.model().parameters());
    out.write(path);
  }
}

namespace detail {
// The preset that a spec of format "frcnn 2" names.
inline std::string preset_named_in(io::safetensors_file const& file, spec_json const& spec) {
  if (!spec.is_object() || !spec.contains("preset") || !spec["preset"].is_string())
    throw error(file.name() + ", spec \"preset\"", "a name", "none");
  return spec["preset"].get<std::string>();
}
}  // namespace detail

// The name of the preset that a model file is of.
inline std::string preset_of(io::safetensors_file const& file) {
  return detail::is_of_format_1(file) ? file.metadata("preset") : detail::preset_named_in(file, detail::spec_in(file));
}

// What a model file says of its model, without its weights: what every detector has; or, of a known preset, all.
inline model_config read_config(io::safetensors_file const& file) {
  spec_json spec;
  if (detail::is_of_format_1(file)) detail::read_format_1(file, spec);
  else spec = detail::spec_in(file);
  model_config config;
  spec_reader(detail::place_in(file), spec).read_part(config);
  return config;
}

namespace detail {

// config: the preset's, whose training options remain.
template <class Config>
Config read_config_of(io::safetensors_file const& file, char const* name, Config config, std::string (*left)(std::string const&)) {
  bool const of_format_1 = is_of_format_1(file);
  spec_json spec;
  if (!of_format_1) spec = spec_in(file);
  if (auto const preset = of_format_1 ? file.metadata("preset") : preset_named_in(file, spec); preset != name)
    throw error(file.name(), std::string("a model of preset ") + name, "one of preset " + preset);
  if (of_format_1) spec = spec_of_format_1(file, left);
  spec_reader(place_in(file), spec).read(config);
  return config;
}

}  // namespace detail

template <class Preset>
typename detector<Preset>::config_type read_config(io::safetensors_file const& file) {
  return detail::read_config_of(file, Preset::name, Preset::config({}), detail::left_to_preset<Preset>);
}

namespace detail {

// make(config, options): a model.
template <class Family>
detector<Family> load_of(io::safetensors_file const& file, typename detector<Family>::config_type const& config,
                         std::unique_ptr<typename Family::model> (*make)(typename detector<Family>::config_type const&,
                                                                         typename Family::device::options const&),
                         typename Family::device::options options, model_weights how) {
  detector<Family> d = [&] {
    try {
      return detector<Family>(config, make(config, options), options);
    } catch (error const& e) {  // what the file asks for cannot be made
      throw e.in(file.name() + ", " + e.where());
    }
  }();
  read_parameters(file, d.model().parameters(), how);
  return d;
}

// As its family's, where it has one.
template <class Preset>
detector<family_of<Preset>> load(io::safetensors_file const& file, typename Preset::device::options options, model_weights how) {
  using config_type = typename detector<Preset>::config_type;
  return load_of<family_of<Preset>>(file, read_config<Preset>(file), make_model<Preset, config_type>, options, how);
}

}  // namespace detail

// options: the device's, of every detect call: threads, engine, precision.
template <class Preset>
detector<Preset> load(std::filesystem::path const& path, typename Preset::device::options options = {},
                      model_weights how = model_weights::read) {
  io::safetensors_file const file(path);
  return detector<Preset>(detail::load<Preset>(file, options, how));
}
template <class Preset>
detector<Preset> load(std::filesystem::path const& path, int threads, model_weights how = model_weights::read) {
  typename Preset::device::options options;
  options.threads = threads;
  return load<Preset>(path, options, how);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
