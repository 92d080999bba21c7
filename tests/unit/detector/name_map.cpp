// The names of other people's files, by lists of what their files hold.
#include "frcnn/detector/name_map.hpp"

#include "frcnn/detector/class_names.hpp"

#include "../sentence.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using strings = std::vector<std::string>;

namespace {

// [4 * K, 2] of 1 for bbox_pred, [1] for the others.
struct listed final : io::weight_source {
  std::string file = "theirs";
  strings all;
  io::tensor_shape small{1}, boxes{8, 2};

  explicit listed(strings names) : all(std::move(names)) {}
  std::string const& name() const override { return file; }
  strings names() const override { return all; }
  bool contains(std::string const& tensor) const override { return std::ranges::find(all, tensor) != all.end(); }
  io::tensor_shape const& shape(std::string const& tensor) const override { return tensor == "bbox_pred.weight" ? boxes : small; }
  void read_part(std::string const&, std::size_t, std::span<float> out) const override { std::ranges::fill(out, 1.f); }
  void read_part(std::string const&, std::size_t, std::span<double> out) const override { std::ranges::fill(out, 1.); }
};

strings with_biases(strings const& layers, std::string const& prefix = {}) {
  strings all;
  for (auto const& l : layers) all.push_back(prefix + l + ".weight"), all.push_back(prefix + l + ".bias");
  return all;
}
strings ours(listed const& theirs) {
  name_map const map = name_map_of(theirs);
  return mapped_weights(theirs, map).names();
}
strings sorted(strings all) {
  std::ranges::sort(all);
  return all;
}

strings const vgg_positions{"0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28"};
strings vgg_features(std::string const& prefix) {
  strings all;
  for (auto const& p : vgg_positions) all.push_back(prefix + p);
  return all;
}
strings const fully_connected{"roi_heads.box_head.fc6", "roi_heads.box_head.fc7"};
strings const detector_rest{"rpn.head.conv.0.0",
                            "rpn.head.cls_logits",
                            "rpn.head.bbox_pred",
                            "roi_heads.box_head.fc6",
                            "roi_heads.box_head.fc7",
                            "roi_heads.box_predictor.cls_score",
                            "roi_heads.box_predictor.bbox_pred"};
strings joined(strings a, strings const& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("torchvision's vgg16 for ImageNet: the features are the backbone, classifier.0 and .3 are fc6 and fc7") {
  auto const backbone = sorted(with_biases(joined(vgg_features("backbone."), fully_connected)));
  for (std::string const prefix : {"", "module.", "model.module."}) {
    listed const file(with_biases(joined(vgg_features("features."), {"classifier.0", "classifier.3", "classifier.6"}), prefix));
    auto const map = name_map_of(file);
    CHECK_FALSE(map.is_detector);
    CHECK(map.pixels == pixel_normalisation::imagenet());
    CHECK(ours(file) == backbone);
  }
}

TEST_CASE("an average of weights (AveragedModel): its count is no tensor of the network") {
  auto const backbone = sorted(with_biases(vgg_features("backbone.")));
  for (auto const& [prefix, count] :
       {std::pair{"module.", "n_averaged"}, {"module.module.", "n_averaged"}, {"module.module.", "module.n_averaged"}}) {
    auto names = with_biases(vgg_features("features."), prefix);
    names.emplace_back(count);
    CHECK(ours(listed(names)) == backbone);
  }
  CHECK(sentence([] { name_map_of(listed({"n_averaged"})); }).ends_with("the first \"n_averaged\""));
}

TEST_CASE("Caffe's VGG-16 and ZF, for ImageNet") {
  strings vgg;
  for (auto const& [block, count] : {std::pair{1, 2}, {2, 2}, {3, 3}, {4, 3}, {5, 3}})
    for (int i = 1; i <= count; ++i) vgg.push_back("conv" + std::to_string(block) + "_" + std::to_string(i));
  listed const file(with_biases(joined(vgg, {"fc6", "fc7", "fc8"})));
  CHECK(ours(file) == sorted(with_biases(joined(vgg_features("backbone."), fully_connected))));
  CHECK(name_map_of(file).pixels == pixel_normalisation::caffe());
  CHECK_FALSE(name_map_of(file).has_raw_boxes);
  listed const zf(with_biases({"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8_voc"}));
  CHECK(ours(zf) == sorted(with_biases(joined({"backbone.0", "backbone.4", "backbone.8", "backbone.10", "backbone.12"}, fully_connected))));
}

TEST_CASE("the authors' detectors: deltas are given in the units of the coder") {
  for (char const* rpn : {"rpn_conv/3x3", "rpn_conv1"}) {
    listed const file(with_biases(
        {"conv1", "conv2", "conv3", "conv4", "conv5", rpn, "rpn_cls_score", "rpn_bbox_pred", "fc6", "fc7", "cls_score", "bbox_pred"}));
    CHECK(ours(file) ==
          sorted(with_biases(joined({"backbone.0", "backbone.4", "backbone.8", "backbone.10", "backbone.12"}, detector_rest))));
    auto const map = name_map_of(file);
    CHECK((map.is_detector && map.has_raw_boxes));
    mapped_weights const weights(file, map, {10, 10, 5, 5});
    std::vector<float> boxes(16), others(1);
    weights.read_part("roi_heads.box_predictor.bbox_pred.weight", 0, std::span(boxes));
    CHECK(boxes == std::vector<float>{10, 10, 10, 10, 5, 5, 5, 5, 10, 10, 10, 10, 5, 5, 5, 5});
    weights.read_part("roi_heads.box_predictor.bbox_pred.weight", 3, std::span(boxes).first(3));
    CHECK((boxes[0] == 10 && boxes[1] == 5 && boxes[2] == 5));
    std::vector<double> bias(4);
    weights.read_part("roi_heads.box_predictor.bbox_pred.bias", 1, std::span(bias));
    CHECK(bias == std::vector<double>{10, 5, 5, 10});
    weights.read_part("rpn.head.bbox_pred.weight", 0, std::span(others));
    CHECK(others[0] == 1);
  }
}

TEST_CASE("torchvision's FasterRCNN: our names, old ones, a backbone within another module, wrappers") {
  auto const expected = sorted(with_biases(joined({"backbone.0", "backbone.2"}, detector_rest)));
  listed const now(with_biases(joined({"backbone.0", "backbone.2"}, detector_rest)));
  CHECK(ours(now) == expected);
  CHECK(name_map_of(now).is_detector);
  auto old = with_biases(joined({"backbone.features.0", "backbone.features.2"}, detector_rest), "module.");
  for (auto& n : old)
    if (auto const at = n.find("conv.0.0."); at != n.npos) n.erase(at + 4, 4);
  old.push_back("module.backbone.features.3.num_batches_tracked");
  CHECK(ours(listed(old)) == expected);
}

TEST_CASE("torchvision's resnet for ImageNet: below a pyramid, or with its fourth stage in the head") {
  strings const theirs{"conv1.weight", "bn1.running_var", "bn1.num_batches_tracked", "layer1.0.conv1.weight", "layer4.2.bn3.bias",
                       "fc.weight",    "fc.bias"};
  for (std::string const prefix : {"", "module."}) {
    strings names;
    for (auto const& n : theirs) names.push_back(prefix + n);
    listed const file(names);
    auto const map = name_map_of(file);
    CHECK((!map.is_detector && map.pixels == pixel_normalisation::imagenet()));
    CHECK(sorted(ours(file)) == strings{"backbone.bn1.running_var", "backbone.conv1.weight", "backbone.layer1.0.conv1.weight",
                                        "roi_heads.box_head.layer4.2.bn3.bias"});
    CHECK(sorted(mapped_weights(file, name_map_of(file, backbone_place::below_pyramid)).names()) ==
          strings{"backbone.body.bn1.running_var", "backbone.body.conv1.weight", "backbone.body.layer1.0.conv1.weight",
                  "backbone.body.layer4.2.bn3.bias"});
  }
}

TEST_CASE("torchvision's FasterRCNN with a pyramid: names of today and of before 0.13") {
  strings const now{
      "backbone.body.conv1.weight",           "backbone.fpn.inner_blocks.0.0.bias",       "backbone.fpn.inner_blocks.0.0.weight",
      "backbone.fpn.layer_blocks.3.0.weight", "roi_heads.box_predictor.cls_score.weight", "rpn.head.conv.0.0.bias"};
  auto const below = [](strings const& names) {
    listed const file(names);
    return sorted(mapped_weights(file, name_map_of(file, backbone_place::below_pyramid)).names());
  };
  CHECK(below(now) == now);
  CHECK(below({"backbone.body.conv1.weight", "backbone.body.bn1.num_batches_tracked", "backbone.fpn.inner_blocks.0.bias",
               "backbone.fpn.inner_blocks.0.weight", "backbone.fpn.layer_blocks.3.weight", "roi_heads.box_predictor.cls_score.weight",
               "rpn.head.conv.bias"}) == now);
  strings const v2{"backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.inner_blocks.0.1.running_mean",
                   "backbone.fpn.inner_blocks.0.1.weight", "roi_heads.box_head.5.weight", "roi_heads.box_predictor.cls_score.weight"};
  CHECK(below(v2) == v2);
}

TEST_CASE("names of nobody's") {
  CHECK(sentence([] {
          name_map_of(listed({"encoder.0.weight", "b"}));
        }) ==
        "theirs: expected the names of torchvision's vgg, resnet or FasterRCNN, or of Caffe's VGG-16 or ZF, found 2 tensors, the first "
        "\"encoder.0.weight\"");
  CHECK(sentence([] { name_map_of(listed({})); }).ends_with("found no tensors"));
  CHECK(sentence([] {
          name_map_of(listed({"conv1.weight", "bn1.weight", "layer1.0.conv1.weight"}));  // a resnet without statistics
        }).ends_with("found 3 tensors, the first \"conv1.weight\""));
}

TEST_CASE("classes by their number") {
  CHECK(usual_classes(20).front() == "aeroplane");
  CHECK(usual_classes(20).back() == "tvmonitor");
  auto const coco = usual_classes(80), slots = usual_classes(90);
  REQUIRE((coco.size() == 80 && slots.size() == 90));
  CHECK((coco[9] == "traffic light" && coco[11] == "stop sign" && coco[79] == "toothbrush"));
  CHECK((slots[10] == "fire hydrant" && slots[11] == "N/A 12" && slots[12] == "stop sign" && slots[43] == "bottle" &&
         slots[89] == "toothbrush"));
  CHECK(usual_classes(3).empty());
}
