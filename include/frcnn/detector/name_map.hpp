#pragma once
// Whose names the tensors of a file have, and which of ours they are: tables for the files that people have (io/weight_source.hpp says what
// a rule is), and what such files leave unsaid.
//
//   name_map const map = name_map_of(source);         told apart by the names themselves
//   mapped_weights const ours(source, map);           the same tensors under our names
//
//   torchvision's vgg for ImageNet                    features.N -> backbone.N, classifier.0 and .3 -> fc6, fc7; classifier.6 is left out
//   torchvision's resnet for ImageNet                 layerN, conv1, bn1 -> backbone (below a pyramid: backbone.body; without one layer4 is
//                                                     the head's); fc is left out
//   torchvision's FasterRCNN of one level, and ours   the names are ours; old ones of the RPN (rpn.head.conv.weight), and a backbone that is
//                                                     called backbone.features or backbone.body
//   torchvision's FasterRCNN with a pyramid           the names are ours; old ones of RPN and pyramid (backbone.fpn.inner_blocks.0.weight)
//   Caffe's VGG-16 and ZF, for ImageNet and the       conv1_1 or conv1, fc6, fc7, rpn_conv/3x3 (of alternating training with ZF: rpn_conv1),
//   authors' detectors                                rpn_cls_score, rpn_bbox_pred, cls_score, bbox_pred; fc8 is left out
// A prefix of all names (module., model., _orig_mod., of wrappers), num_batches_tracked and the n_averaged that PyTorch's AveragedModel has
// beside its module.* are left out.
//
// Layouts are the same: convolutions [O, C, H, W], fc6 reads [C, P, P], of rpn_cls_score's channels the background's come first. What is not:
// the authors' detectors are saved with bbox_pred times the deviations of its targets, so its rows are divided by the convention's.
// Sources: torchvision 0.29 (models/vgg.py, models/detection); py-faster-rcnn at 781a917 (models/pascal_voc, lib/fast_rcnn/train.py).
#include "frcnn/core/pixels.hpp"
#include "frcnn/io/weight_source.hpp"

#include <array>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Where the backbone of the model stands that is to have the weights: under "backbone.", or, below a feature pyramid, "backbone.body.".
enum class backbone_place : std::uint8_t { alone, below_pyramid };

struct name_map {
  char const* of;                // whose file it is, for messages
  io::rename_table rules;        // theirs to ours
  bool is_detector;              // it has every parameter; else it is of another network, whose layers ours begins with
  bool has_raw_boxes;            // bbox_pred gives deltas that the coder does not multiply any more
  pixel_normalisation pixels{};  // what the weights expect
};

namespace detail {

inline constexpr std::string_view wrappers[] = {"module.", "model.", "_orig_mod."};

inline bool is_count_of_averages(std::string_view name) { return name == "n_averaged" || name.ends_with(".n_averaged"); }

// What all names begin with and no table knows.
inline std::string prefix_of(std::vector<std::string> const& names) {
  std::string prefix;
  for (bool found = !std::ranges::all_of(names, is_count_of_averages); found;) {
    found = false;
    for (auto const wrapper : wrappers) {
      auto const longer = prefix + std::string(wrapper);
      if (std::ranges::any_of(names, [&](auto const& n) { return !n.starts_with(longer) && !is_count_of_averages(n); })) continue;
      prefix = longer;
      found = true;
    }
  }
  return prefix;
}

inline io::rename_table caffe_names(bool is_zf) {
  io::rename_table rules;
  auto const convolution = [&](std::string const& theirs, int position) {
    rules.push_back({theirs + ".*", "backbone." + std::to_string(position) + ".*"});
  };
  if (is_zf) {
    int const positions[] = {0, 4, 8, 10, 12};
    for (int i = 0; i < 5; ++i) convolution("conv" + std::to_string(i + 1), positions[i]);
  } else {
    int const in_block[] = {2, 2, 3, 3, 3};
    for (int block = 0, position = 0; block < 5; ++block, ++position)  // a pool
      for (int i = 0; i < in_block[block]; ++i, position += 2)
        convolution("conv" + std::to_string(block + 1) + "_" + std::to_string(i + 1), position);
  }
  for (auto const& [theirs, ours] : {std::pair{"rpn_conv/3x3", "rpn.head.conv.0.0"},
                                     {"rpn_conv1", "rpn.head.conv.0.0"},
                                     {"rpn_cls_score", "rpn.head.cls_logits"},
                                     {"rpn_bbox_pred", "rpn.head.bbox_pred"},
                                     {"fc6", "roi_heads.box_head.fc6"},
                                     {"fc7", "roi_heads.box_head.fc7"},
                                     {"cls_score", "roi_heads.box_predictor.cls_score"},
                                     {"bbox_pred", "roi_heads.box_predictor.bbox_pred"}})
    rules.push_back({std::string(theirs) + ".*", std::string(ours) + ".*"});
  rules.push_back({"fc8*", ""});
  return rules;
}

}  // namespace detail

// Throws error where the names are of no file that is known.
#if FRCNN_DECLARES_FILES
name_map name_map_of(io::weight_source const& source, backbone_place body = backbone_place::alone);
#else
FRCNN_FILES_INLINE name_map name_map_of(io::weight_source const& source, backbone_place body = backbone_place::alone) {
  auto const names = source.names();
  auto const prefix = detail::prefix_of(names);
  auto const has = [&](char const* name) { return source.contains(prefix + name); };
  name_map map{};
  if (has("features.0.weight")) {
    map = {"torchvision's vgg for ImageNet", {}, false, false, pixel_normalisation::imagenet()};
    map.rules = {{"features.*", "backbone.*"},
                 {"classifier.0.*", "roi_heads.box_head.fc6.*"},
                 {"classifier.3.*", "roi_heads.box_head.fc7.*"},
                 {"classifier.6.*", ""}};
  } else if (has("layer1.0.conv1.weight") && has("bn1.running_var")) {
    map = {"torchvision's resnet for ImageNet", {{"fc.*", ""}}, false, false, pixel_normalisation::imagenet()};
    bool const is_below = body == backbone_place::below_pyramid;
    if (!is_below) map.rules.push_back({"layer4.*", "roi_heads.box_head.layer4.*"});
    for (std::string const part : {"conv1.", "bn1.", "layer"})
      map.rules.push_back({part + "*", (is_below ? "backbone.body." : "backbone.") + part + "*"});
  } else if (has("conv1_1.weight") || (has("conv1.weight") && has("conv2.weight"))) {
    bool const is_detector = has("cls_score.weight");
    map = {is_detector ? "a detector of Caffe" : "Caffe's ImageNet", detail::caffe_names(!has("conv1_1.weight")), is_detector, is_detector,
           pixel_normalisation::caffe()};
  } else if (has("roi_heads.box_predictor.cls_score.weight")) {
    map = {"torchvision's FasterRCNN", {}, true, false, pixel_normalisation::imagenet()};
    map.rules = {{"rpn.head.conv.weight", "rpn.head.conv.0.0.weight"},
                 {"rpn.head.conv.bias", "rpn.head.conv.0.0.bias"},
                 {"backbone.features.*", "backbone.*"}};
    if (body == backbone_place::alone) map.rules.push_back({"backbone.body.*", "backbone.*"});
    if (has("backbone.fpn.inner_blocks.0.weight"))  // as before torchvision 0.13
      for (std::string const blocks : {"backbone.fpn.inner_blocks.", "backbone.fpn.layer_blocks."})
        for (std::string const what : {".weight", ".bias"}) map.rules.push_back({blocks + "*" + what, blocks + "*.0" + what});
  } else {
    throw error(source.name(), "the names of torchvision's vgg, resnet or FasterRCNN, or of Caffe's VGG-16 or ZF",
                names.empty() ? "no tensors" : std::to_string(names.size()) + " tensors, the first " + io::in_quotes(names.front()));
  }
  map.rules.insert(map.rules.begin(), {"*num_batches_tracked", ""});
  if (!prefix.empty()) {
    for (auto& rule : map.rules) rule.from = prefix + rule.from;
    map.rules.push_back({prefix + "*", "*"});
  }
  for (auto const& name : names)
    if (detail::is_count_of_averages(name)) map.rules.insert(map.rules.begin(), {name, ""});
  return map;
}
#endif

class mapped_weights final : public io::weight_source {
 public:
  // `from` lives as long as this. box_weights: of the convention's head_coder.
  mapped_weights(io::weight_source const& from, name_map map, std::array<double, 4> const& box_weights = {1, 1, 1, 1})
      : map_(std::move(map)), renamed_(from, map_.rules), box_weights_(box_weights) {}

  name_map const& whose() const { return map_; }
  std::string const& name() const override { return renamed_.name(); }
  std::vector<std::string> names() const override { return renamed_.names(); }
  bool contains(std::string const& tensor) const override { return renamed_.contains(tensor); }
  io::tensor_shape const& shape(std::string const& tensor) const override { return renamed_.shape(tensor); }
  std::string place(std::string const& tensor) const override { return renamed_.place(tensor); }
  void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const override { read_as(tensor, first, out); }
  void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const override { read_as(tensor, first, out); }

 private:
  template <class T>
  void read_as(std::string const& tensor, std::size_t first, std::span<T> out) const {
    renamed_.read_part(tensor, first, out);
    if (!map_.has_raw_boxes || !tensor.starts_with("roi_heads.box_predictor.bbox_pred.")) return;
    auto const& extents = shape(tensor);
    std::size_t row = 1;  // elements
    for (std::size_t i = 1; i < extents.size(); ++i) row *= static_cast<std::size_t>(extents[i]);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(out[i] * box_weights_[(first + i) / row % 4]);
  }

  name_map map_;
  io::renamed_source renamed_;
  std::array<double, 4> box_weights_;
};

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
