#pragma once
// A detector of a file of weights: a model of this library as .safetensors or .pth, or another program's file, whose names
// a table knows (detector/name_map.hpp) and whose configuration is the preset's.
//
//   weights_file const file("fasterrcnn.pth");
//   auto d = load<presets::vgg16_tv<cpu>>(file, {.classes = {"cat", "dog"}});      every parameter is in the file, and no other tensor
//   take_over<Preset>(config, file); ... read_known(file, parameters)              to begin a training: see below
//   save_pth(d, "m.pth")                                                           for PyTorch; load() reads it too, without options
//
// What other people's files do not say: classes are foreign_options.classes, else those that are known by their number (class_names.hpp);
// widths of the head, bins and the RPN's kernel are those of the tensors; pixel normalisation is what such weights expect; anchors and sides
// are the options', else the preset's. Throws error that names the file and the tensor.
#include "frcnn/detector/class_names.hpp"
#include "frcnn/detector/foreign_options.hpp"
#include "frcnn/detector/model_file.hpp"
#include "frcnn/detector/name_map.hpp"
#include "frcnn/detector/shared_classes.hpp"
#include "frcnn/detector/widened_weights.hpp"
#include "frcnn/io/open_weights.hpp"
#include "frcnn/io/pth_writer.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class weights_file {
 public:
  // key: of the state dict in a .pth file (io/pth_file.hpp); empty: where it is usually.
  explicit weights_file(std::filesystem::path const& path, std::string const& key = {}) : source_(io::open_weights(path, key)) {
    if (auto const* const file = source_->as_safetensors()) {
      auto const& notes = file->metadata();
      auto const is_argument = [](auto const& note) { return note.first.starts_with("argument --"); };
      if (notes.contains("format") && notes.at("format").starts_with("frcnn ")) model_ = file;
      else if (notes.contains("step") && notes.contains("seed") && std::ranges::any_of(notes, is_argument))  // train/checkpoint.hpp
        throw error(name(), "weights",
                    "the momentum of a checkpoint, whose weights are in " + (path.parent_path() / "model.safetensors").string());
    }
    if (auto const* const file = source_->as_pth(); file && file->attributes().contains("spec")) {
      auto const found = file->attributes().find("format");
      if (found == file->attributes().end() || found->second != detail::model_format)
        throw error(name(), std::string("a model of format \"") + detail::model_format + "\"", "another");
      spec_ = io::parse_json(place(), "a specification", 8, file->attributes().at("spec"));
      if (!spec_->is_object() || !spec_->contains("preset") || !(*spec_)["preset"].is_string())
        throw error(place() + " \"preset\"", "a name", "none");
    }
  }

  io::weight_source const& source() const { return *source_; }
  std::string const& name() const { return source_->name(); }
  io::safetensors_file const* model() const { return model_; }    // a model file of this library
  std::optional<spec_json> const& spec() const { return spec_; }  // a .pth of this library
  bool is_ours() const { return model_ || spec_; }
  std::string preset() const {  // of ours
    return model_ ? preset_of(*model_) : (*spec_)["preset"].get<std::string>();
  }
  std::string place() const { return name() + ", attribute \"spec\""; }

 private:
  std::unique_ptr<io::weight_source> source_;
  io::safetensors_file const* model_ = nullptr;
  std::optional<spec_json> spec_;
};

// The epsilon of batch normalisation that weights of another program were trained with, which no file says: torchvision's published
// fasterrcnn_resnet50_fpn, whose file's name has these digits of its hash, is the one with 0 (models/detection/faster_rcnn.py).
inline std::optional<double> known_norm_epsilon(std::filesystem::path const& path) {
  return path.filename().string().find("258fb6c6") != std::string::npos ? std::optional(0.) : std::nullopt;
}
inline constexpr double usual_norm_epsilon = 1e-5;

// The configuration of a model of this library.
template <class Preset>
typename detector<Preset>::config_type read_config(weights_file const& file) {
  FRCNN_ASSERT(file.is_ours());
  if (file.model()) return read_config<Preset>(*file.model());
  if (file.preset() != Preset::name)
    throw error(file.name(), std::string("a model of preset ") + Preset::name, "one of preset " + file.preset());
  auto config = Preset::config({});
  spec_reader(file.place(), *file.spec()).read(config);
  return config;
}

namespace detail {

template <class Preset>
mapped_weights mapped(weights_file const& file) {
  auto const coder = Preset::convention::head_coder();
  auto const& w = coder.weight;
  constexpr auto body = requires { Preset::has_pyramid; }
  ? backbone_place::below_pyramid : backbone_place::alone;
  return {file.source(), name_map_of(file.source(), body), {w[0], w[1], w[2], w[3]}};
}

constexpr char const* class_scores = "roi_heads.box_predictor.cls_score.weight";

// Whether these (under our names) may be torchvision's weights COCO_V1 of fasterrcnn_resnet50_fpn, saved anew: ResNet-50, a pyramid without
// normalisation, COCO's 90 slots.
inline bool may_be_coco_v1(io::weight_source const& source) {
  if (!source.contains(class_scores) || !source.contains("backbone.fpn.inner_blocks.0.0.bias")) return false;
  auto const& scores = source.shape(class_scores);
  return !scores.empty() && scores[0] == 91 && source.contains("backbone.body.layer3.5.conv1.weight") &&
         !source.contains("backbone.body.layer3.6.conv1.weight");
}

// Without background.
inline std::size_t classes_in(mapped_weights const& file) {
  auto const& shape = file.shape(class_scores);
  return shape.empty() || shape[0] < 2 ? 0 : static_cast<std::size_t>(shape[0] - 1);
}

// What the tensors of other people's files decide, of a configuration.
template <class Config>
void take_shapes(Config& config, mapped_weights const& file) {
  auto const extents = [&](std::string const& tensor, std::size_t rank) {
    io::tensor_shape const none(rank, 0);
    if (!file.contains(tensor)) return none;
    auto const& shape = file.shape(tensor);
    for (auto const d : shape)
      if (d < 1 || d > 1 << 20) return none;
    return shape.size() == rank ? shape : none;
  };
  auto const set = [](int& value, std::int64_t found) {
    if (found > 0) value = static_cast<int>(found);
  };
  auto const layer = [&](std::size_t i) { return extents("roi_heads.box_head." + std::string(config.head.names[i]) + ".weight", 2); };
  auto const fc6 = layer(0), fc7 = layer(1), conv = extents("rpn.head.conv.0.0.weight", 4);
  std::int64_t const channels = config.map_channels();
  auto const bins = std::llround(std::sqrt(static_cast<double>(fc6[1]) / static_cast<double>(std::max<std::int64_t>(channels, 1))));
  // Only where they fit together: a model of one large extent would take memory that the file does not, before it is refused.
  if (bins * bins * channels == fc6[1]) set(config.head.fc6, fc6[0]), set(config.pooling.pooled, bins);
  if (fc7[1] == fc6[0] && fc6[0] == config.head.fc6) set(config.head.fc7, fc7[0]);
  if (conv[0] == channels && conv[1] == channels && conv[2] == conv[3]) set(config.proposals.kernel, conv[2]);
  config.normalisation = file.whose().pixels;
}

template <class Config>
void set_norm_epsilon(Config& config, mapped_weights const& file, std::optional<double> told) {
  if constexpr (requires { config.norm_epsilon(); })
    config.norm_epsilon() = told ? *told : known_norm_epsilon(file.name()).value_or(usual_norm_epsilon);
  else if (told) throw error("epsilon of batch normalisation", "a preset that has batch normalisation", config.preset);
}

template <class Config>
Config configured(Config config, mapped_weights const& file, foreign_options const& o) {
  take_shapes(config, file);
  set_norm_epsilon(config, file, o.norm_epsilon);
  if (!o.anchors.empty()) config.set_anchors(o.anchors);
  if (!o.ratios.empty()) config.anchor_ratios = o.ratios;
  if (o.short_side) config.short_side = o.short_side;
  if (o.max_side) config.max_side = o.max_side;
  auto const count = classes_in(file);
  config.classes = o.classes.empty() ? usual_classes(count) : o.classes;
  if (config.classes.empty())
    throw error(file.place(class_scores), "the names of its " + std::to_string(count) + " classes",
                "none in the file, and no data set that is known by this number");
  if (config.classes.size() != count)
    throw error(file.place(class_scores), std::to_string(config.classes.size() + 1) + " rows, background and a row for each class given",
                std::to_string(count + 1));
  return config;
}

// The part of a model that a parameter belongs to: "backbone", "backbone.fpn", "rpn.head", "roi_heads.box_head", "roi_heads.box_predictor".
inline std::string_view part_of(std::string_view name) {
  auto const first = name.find('.');
  bool const is_whole = name.starts_with("backbone.") && !name.starts_with("backbone.fpn.");
  return name.substr(0, is_whole ? first : std::min(name.find('.', first + 1), name.size()));
}

}  // namespace detail

namespace detail {
// Compiled once for all presets of a family: config is the preset's, `left` and `make` are what it makes of old files and of a configuration.
template <class Family>
detector<Family> load_weights_of(weights_file const& file, foreign_options const& foreign, typename Family::device::options options,
                                 model_weights how, typename detector<Family>::config_type config, std::string (*left)(std::string const&),
                                 std::unique_ptr<typename Family::model> (*make)(typename detector<Family>::config_type const&,
                                                                                 typename Family::device::options const&)) {
  if (file.is_ours() && !foreign.says_nothing())
    throw error(file.name(), "a file of another program, where classes, anchors or sides are given",
                "a model of this library, which says them");
  auto const name = config.preset;
  if (file.model())
    return load_of<Family>(*file.model(), read_config_of(*file.model(), name.c_str(), std::move(config), left), make, options, how);
  auto const filled = [&](io::weight_source const& source) {
    detector<Family> d(config, make(config, options), options);
    read_parameters(source, d.model().parameters(), how);
    return d;
  };
  if (file.spec()) {
    if (file.preset() != name) throw error(file.name(), "a model of preset " + name, "one of preset " + file.preset());
    spec_reader(file.place(), *file.spec()).read(config);
    return filled(file.source());
  }
  auto const source = mapped<Family>(file);
  if (!source.whose().is_detector) throw error(file.name(), "the weights of a whole detector", source.whose().of + std::string(" weights"));
  config = configured(std::move(config), source, foreign);
  return filled(source);
}
}  // namespace detail

// options: the device's, of every detect call. A file of this library says all itself: foreign must be empty. load_family: the detector as its
// family's, whose configuration says which preset it is; programs that are written for families compile no more for more presets.
template <class Preset>
detector<family_of<Preset>> load_family(weights_file const& file, foreign_options const& foreign = {},
                                        typename Preset::device::options options = {}, model_weights how = model_weights::read) {
  using config_type = typename detector<Preset>::config_type;
  return detail::load_weights_of<family_of<Preset>>(file, foreign, options, how, Preset::config({}), detail::left_to_preset<Preset>,
                                                    detail::make_model<Preset, config_type>);
}
template <class Preset>
detector<Preset> load(weights_file const& file, foreign_options const& foreign = {}, typename Preset::device::options options = {},
                      model_weights how = model_weights::read) {
  return detector<Preset>(load_family<Preset>(file, foreign, options, how));
}

// To begin a training from a file of another program: take_over sets what its tensors and its pixels decide, before the model is made;
// read_known reads what is there. A part of the model (backbone, RPN, fully connected layers, predictors) is in the file whole or not at
// all, and the backbone is in it: else error. Of a detector all parts are; of its predictors the rows of classes that the model has are read
// (detector/shared_classes.hpp). Where the model reads other than three channels, its first convolution is made to fit
// (widened_weights.hpp). Returns the parts that are not in the file, which stay as they are.
// classes_of: names of such a detector's classes, `given` or by their number; none of weights without a class predictor.
template <class Preset>
void take_over(typename detector<Preset>::config_type& config, weights_file const& file, std::optional<double> norm_epsilon = {}) {
  auto const source = detail::mapped<Preset>(file);
  detail::take_shapes(config, source);
  detail::set_norm_epsilon(config, source, norm_epsilon);
}
template <class Preset>
std::vector<std::string> classes_of(weights_file const& file, std::vector<std::string> const& given = {}) {
  auto const source = detail::mapped<Preset>(file);
  if (!source.whose().is_detector) {
    if (!given.empty()) throw error(file.name(), "a detector, whose classes are given", source.whose().of + std::string(" weights"));
    return {};
  }
  auto const count = detail::classes_in(source);
  auto names = given.empty() ? usual_classes(count) : given;
  if (names.size() != count || names.empty())
    throw error(file.name(), "names of its " + std::to_string(count) + " classes",
                names.empty() ? "none in the file, and no data set that is known by this number" : std::to_string(names.size()) + " names");
  return names;
}
template <class Preset>
std::vector<std::string> read_known(weights_file const& file, detector<Preset>& d, std::vector<std::string> const& given = {}) {
  auto const theirs = detail::mapped<Preset>(file);
  auto& store = d.model().parameters();
  widened_weights const source(theirs, store, theirs.whose().pixels.bgr);
  if (theirs.whose().is_detector) {
    read_by_class(source, store, match_classes(d.config().classes, classes_of<Preset>(file, given)));
    return {};
  }
  std::set<std::string_view> parts;  // that are in the file
  for (auto const& e : store.entries())
    if (source.contains(e.name)) parts.insert(detail::part_of(e.name));
  parts.insert("backbone");
  std::set<std::string> absent;
  for (auto const& e : store.entries())
    if (!parts.contains(detail::part_of(e.name))) absent.emplace(detail::part_of(e.name));
  read_parameters(source, store, model_weights::read, [&](std::string_view name) { return parts.contains(detail::part_of(name)); });
  return {absent.begin(), absent.end()};
}

// The parameters of a model's first convolution that read_known, or widened_weights of a model of this library, makes of a file's weights
// for RGB. Empty where they fit as they are.
template <class Preset>
std::vector<std::string> widened_by(weights_file const& file, detector<Preset> const& d) {
  auto const& store = d.model().parameters();
  if (file.is_ours()) return widened_weights(file.source(), store, false).widened();
  return widened_weights(detail::mapped<Preset>(file), store, false).widened();
}

// What was taken because no file says it and the options do not: a sentence, or nothing.
template <class Preset>
std::string taken_unsaid(weights_file const& file, std::optional<double> norm_epsilon) {
  if constexpr (requires(typename detector<Preset>::config_type c) { c.norm_epsilon(); }) {
    if (file.is_ours() || norm_epsilon) return {};
    auto const known = known_norm_epsilon(file.name());
    return file.name() + ": no file says the epsilon of its batch normalisation; " +
           (known ? number_text(*known) + " is taken, torchvision's of this published file"
            : detail::may_be_coco_v1(detail::mapped<Preset>(file))
                ? number_text(usual_norm_epsilon) +
                      " is taken, but torchvision's weights COCO_V1 of fasterrcnn_resnet50_fpn, saved anew, need 0"
                : number_text(usual_norm_epsilon) + " is taken");
  } else {
    return {};
  }
}

// A state dict that PyTorch reads, with the spec beside it. Throws as save does (model_file.hpp).
template <class Preset>
void save_pth(detector<Preset> const& d, std::filesystem::path const& path) {
  detail::check_can_load(d, path);
  io::pth_writer out;
  out.attributes = {{"format", detail::model_format}, {"spec", detail::to_spec(d.config(), path.string())}};
  add_parameters(out, d.model().parameters());
  out.write(path);
}

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
