#pragma once
// Model files: safetensors with everything detect needs, and nothing else (no time, host or path): equal models give equal bytes.
//
//   tensors   every parameter by its name, logical order, F32 (F64 of a double model)
//   metadata  format "frcnn 1", preset, classes, anchor_sizes, anchor_ratios, short_side, max_side, normalisation: JSON where not one word;
//             fc_ranks "[1024,256]" of a compressed model alone
//
//   save(detector, path)            load<presets::small_net<cpu>>(path)            load_detector(path): whatever preset the file names
// load reads all weights: whatever then happens to the file is nothing to the detector.
// load(path, options, model_weights::mapped) maps large weights that memory has in the order of the file, fully connected layers', instead:
// a process begins sooner, and several share one copy. It is for whoever owns the folder of the file, which must not be changed in place
// while such a detector lives: written over, it silently becomes a mixture of two networks; cut short, it ends the process
// (io/mapping.hpp). save(), which replaces a file, may. Reading throws error naming the file and the tensor or key: a file cut short, of
// another preset, a missing, extra or misshapen tensor. What load would refuse, save refuses: no classes, names that are not UTF-8 or there
// twice, sides and numbers out of range.
#include "frcnn/core/finite.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/model_weights.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/nn/parameter_store.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

inline constexpr char const* model_format = "frcnn 1";

// What a model file may say, checked where it is read and where it is written. where: "m.safetensors".
inline void check_config(model_config const& m, std::string const& where) {
  constexpr int most_side = 1 << 16;
  auto const finite = [](double v) { return is_finite(v); };
  auto const check = [&](bool right, char const* key, char const* expected, std::string const& found) {
    if (!right) throw error(where + ", metadata \"" + key + "\"", expected, found);
  };
  check(!m.classes.empty(), "classes", "names of classes", "none");
  std::set<std::string_view> names;
  for (auto const& name : m.classes) {
    check(!name.empty(), "classes", "names", "an empty one");
    check(names.insert(name).second, "classes", "names that are there once", "\"" + name.substr(0, 100) + "\" twice");
  }
  check(m.short_side > 0 && m.short_side <= most_side, "short_side", "1 to 65536 pixels", std::to_string(m.short_side));
  check(m.max_side > 0 && m.max_side <= most_side, "max_side", "1 to 65536 pixels", std::to_string(m.max_side));
  for (auto const& sizes : m.anchor_sizes) check(std::ranges::all_of(sizes, finite), "anchor_sizes", "finite numbers", "others");
  check(std::ranges::all_of(m.anchor_ratios, finite), "anchor_ratios", "finite numbers", "others");
  auto const& n = m.normalisation;
  check(finite(n.range) && n.range > 0 && std::ranges::all_of(n.mean, finite), "normalisation", "finite numbers and a range above 0",
        "others");
  check(std::ranges::all_of(n.deviation, [&](double v) { return finite(v) && v != 0; }), "normalisation", "finite deviations other than 0",
        "others");
  check(m.fc_ranks[0] >= 0 && m.fc_ranks[1] >= 0, "fc_ranks", "two whole numbers from 0 on", "a negative one");
}

inline std::map<std::string, std::string> to_metadata(model_config const& m) {
  using nlohmann::json;
  auto const& n = m.normalisation;
  std::map<std::string, std::string> metadata{
      {"format", model_format},
      {"preset", m.preset},
      {"classes", json(m.classes).dump()},
      {"anchor_sizes", json(m.anchor_sizes).dump()},
      {"anchor_ratios", json(m.anchor_ratios).dump()},
      {"short_side", std::to_string(m.short_side)},
      {"max_side", std::to_string(m.max_side)},
      {"normalisation", json{{"order", n.bgr ? "bgr" : "rgb"}, {"range", n.range}, {"mean", n.mean}, {"deviation", n.deviation}}.dump()}};
  if (m.fc_ranks != model_config().fc_ranks) metadata["fc_ranks"] = json(m.fc_ranks).dump();
  return metadata;
}

// f(parsed) for a metadata value; what the parser throws becomes an error that names file and key.
template <class F>
auto parse_metadata(io::safetensors_file const& file, std::string const& key, char const* expected, F f) {
  auto const& text = file.metadata(key);
  try {
    return f(nlohmann::json::parse(text));
  } catch (nlohmann::json::exception const&) {
    throw error(file.name() + ", metadata \"" + key + "\"", expected, "\"" + text.substr(0, 100) + "\"");
  }
}

inline model_config from_metadata(io::safetensors_file const& file) {
  using nlohmann::json;
  if (!file.metadata().contains("format") || file.metadata("format") != model_format)
    throw error(file.name(), std::string("a model file of this library (metadata \"format\": \"") + model_format + "\")",
                file.metadata().contains("format") ? "\"" + file.metadata("format").substr(0, 100) + "\"" : "tensors without it");
  // As far out of range as it was: get<int> alone would wrap.
  auto const number = [](json const& j) { return static_cast<int>(std::clamp(j.get<double>(), -1., 2e9)); };
  model_config m;
  m.preset = file.metadata("preset");
  m.classes = parse_metadata(file, "classes", "a list of names", [](json const& j) { return j.get<std::vector<std::string>>(); });
  m.anchor_sizes = parse_metadata(file, "anchor_sizes", "a list of numbers per level",
                                  [](json const& j) { return j.get<std::vector<std::vector<double>>>(); });
  m.anchor_ratios = parse_metadata(file, "anchor_ratios", "a list of numbers", [](json const& j) { return j.get<std::vector<double>>(); });
  m.short_side = parse_metadata(file, "short_side", "a number of pixels", number);
  m.max_side = parse_metadata(file, "max_side", "a number of pixels", number);
  m.normalisation = parse_metadata(file, "normalisation", "order, range, mean and deviation", [](json const& j) {
    pixel_normalisation n;
    n.bgr = j.at("order") == "bgr";
    n.range = j.at("range").get<double>();
    for (std::size_t i = 0; i < 3; ++i) {
      n.mean[i] = j.at("mean").at(i).get<double>();
      n.deviation[i] = j.at("deviation").at(i).get<double>();
    }
    return n;
  });
  if (file.metadata().contains("fc_ranks"))
    m.fc_ranks = parse_metadata(file, "fc_ranks", "two whole numbers", [&](json const& j) {
      return std::array{number(j.at(0)), number(j.at(1))};
    });
  check_config(m, file.name());
  return m;
}

}  // namespace detail

// Adds every parameter's value under its name, made while writing.
template <Real T, Backend B>
void add_parameters(io::safetensors_writer& out, parameter_store<T, B> const& store) {
  for (auto const& e : store.entries()) {
    auto const shape = e.file_shape();
    out.add_later<T>(e.name, {shape.begin(), shape.end()}, [&store, &e] { return store.get(e); });
  }
}

namespace detail {
// Whether the parameter's values are now those of the mapped file.
template <Real T, Backend B>
bool map_parameter(io::safetensors_file const& file, parameter_store<T, B>& store, typename parameter_store<T, B>::entry const& e) {
  if constexpr (B::in_host_memory) {
    constexpr std::size_t least = std::size_t{1} << 18;  // elements: small ones are not worth a mapping each
    if (e.p->size() < least || !e.in_logical_order()) return false;
    if (auto values = file.map<T>(e.name, e.file_shape())) {
      store.lend(e, std::move(values));
      return true;
    }
  }
  return false;
}
}  // namespace detail

// Sets every parameter from the file; every tensor of the file must be a parameter unless `others` accepts its name.
template <Real T, Backend B, class Others>
void read_parameters(io::safetensors_file const& file, parameter_store<T, B>& store, Others others,
                     model_weights how = model_weights::read) {
  int const threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
  std::size_t known = 0;
  for (auto const& e : store.entries()) {
    file.check(e.name, e.file_shape());
    if (how == model_weights::read || !detail::map_parameter(file, store, e))
      store.set_in_parts(e, threads, [&](std::size_t first, std::span<T> out) {
        file.read_part(e.name, first, out);
        bool finite = true;
        for (T const v : out) finite &= is_finite(v);
        if (!finite) throw error(file.name() + ", tensor \"" + e.name + "\"", "finite numbers", "infinity or NaN");
      });
    ++known;
  }
  for (auto const& [name, tensor] : file.tensors())
    if (others(name)) ++known;
  if (known == file.tensors().size()) return;
  for (auto const& [name, tensor] : file.tensors()) {
    bool found = others(name);
    for (auto const& e : store.entries()) found = found || e.name == name;
    if (!found) throw error(file.name() + ", tensor \"" + name + "\"", "parameters of the model only", "a tensor that is none of them");
  }
}
template <Real T, Backend B>
void read_parameters(io::safetensors_file const& file, parameter_store<T, B>& store, model_weights how = model_weights::read) {
  read_parameters(
      file, store, [](std::string const&) { return false; }, how);
}

template <class Preset>
void save(detector<Preset> const& d, std::filesystem::path const& path) {
  if (d.config().preset != Preset::name)
    throw error(path.string(), std::string("a model of preset ") + Preset::name,
                "one whose configuration says \"" + d.config().preset + "\"");
  detail::check_config(d.config(), path.string());
  io::safetensors_writer out;
  try {
    out.metadata = detail::to_metadata(d.config());
  } catch (nlohmann::json::exception const&) {  // JSON is UTF-8
    throw error(path.string(), "names of classes in UTF-8", "other bytes");
  }
  add_parameters(out, d.model().parameters());
  out.write(path);
}

// What a model file says of its model, without its weights.
inline model_config read_config(io::safetensors_file const& file) { return detail::from_metadata(file); }

namespace detail {
template <class Preset>
detector<Preset> load(io::safetensors_file const& file, model_config const& config, typename Preset::device::options options,
                      model_weights how) {
  if (config.preset != Preset::name)
    throw error(file.name(), std::string("a model of preset ") + Preset::name, "one of preset " + config.preset);
  detector<Preset> d = [&] {
    try {
      return detector<Preset>(config, options);
    } catch (error const& e) {  // what the file asks for cannot be made
      throw error(file.name() + ", " + e.where(), e.expected(), e.found());
    }
  }();
  read_parameters(file, d.model().parameters(), how);
  return d;
}
}  // namespace detail

// options: the device's, of every detect call: threads, engine, precision.
template <class Preset>
detector<Preset> load(std::filesystem::path const& path, typename Preset::device::options options = {},
                      model_weights how = model_weights::read) {
  io::safetensors_file const file(path);
  return detail::load<Preset>(file, detail::from_metadata(file), options, how);
}
template <class Preset>
detector<Preset> load(std::filesystem::path const& path, int threads, model_weights how = model_weights::read) {
  typename Preset::device::options options;
  options.threads = threads;
  return load<Preset>(path, options, how);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
