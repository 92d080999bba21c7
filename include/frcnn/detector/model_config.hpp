#pragma once
// The configuration that all presets have in common: name, classes, sides and normalisation of the input, anchors.
//
// A preset's own configuration derives from it and adds what its parts need (presets/plain_torchvision.hpp). All of it lies in the model
// file as its "spec" (detector/spec.hpp): a detector is made of its file's numbers, never of those that the preset has meanwhile.
// Fields are set by name: a new one moves no other.
#include "frcnn/core/error.hpp"
#include "frcnn/core/pixels.hpp"
#include "frcnn/geometry/image_pyramid.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct model_config {
  model_config() = default;  // no aggregate: see above

  std::string preset;                             // "small", "vgg16_tv"
  std::vector<std::string> classes;               // label i + 1 is classes[i]; background has no name
  std::vector<std::vector<double>> anchor_sizes;  // per level: square roots of areas, pixels of the resized image
  std::vector<double> anchor_ratios;              // h / w
  int short_side = 600, max_side = 1000;          // of the resized image, pixels
  pixel_normalisation normalisation = pixel_normalisation::imagenet();
  image_pyramid pyramid{};     // at which regions from outside are looked at; none, as a rule
  bool untrained_rpn = false;  // the head was trained on regions from outside, and the RPN not at all

  // Sizes of all levels in one list, the first level's first. Setting them throws error where levels would not have equally many.
  std::vector<double> anchor_list() const {
    std::vector<double> all;
    for (auto const& of_level : anchor_sizes) all.insert(all.end(), of_level.begin(), of_level.end());
    return all;
  }
  void set_anchors(std::vector<double> const& all) {
    std::size_t const levels = std::max<std::size_t>(anchor_sizes.size(), 1);
    if (all.empty() || all.size() % levels)
      throw error("anchor sizes", "as many for each of " + std::to_string(levels) + " maps", std::to_string(all.size()) + " in all");
    auto const of_level = static_cast<std::ptrdiff_t>(all.size() / levels);
    anchor_sizes.clear();
    for (auto first = all.begin(); first != all.end(); first += of_level) anchor_sizes.emplace_back(first, first + of_level);
  }

  // For a spec_writer or a spec_reader.
  template <class Spec>
  void describe(Spec& spec) {
    constexpr int most_side = 1 << 16;
    spec.text("preset", preset);
    spec.names("classes", classes);
    spec.group("input", [&] {
      spec.whole("short_side", short_side, 1, most_side);
      spec.whole("max_side", max_side, 1, most_side);
      spec.group("normalisation", [&] {
        auto& n = normalisation;
        auto const count = std::to_string(n.channels);
        spec.require(n.channels >= 1 && n.channels <= most_channels, "mean", "1 to 16 channels", count);
        std::vector<double> mean(n.mean, n.mean + n.channels), deviation(n.deviation, n.deviation + n.channels);
        spec.choice("order", n.bgr, "rgb", "bgr");
        spec.number("range", n.range, 1e-9, 1e9);
        spec.numbers("mean", mean);  // as many as the network reads channels
        spec.divisors("deviation", deviation);
        auto const channels = std::to_string(mean.size());
        spec.require(!mean.empty() && mean.size() <= most_channels, "mean", "1 to 16 numbers, one for each channel", channels);
        spec.require(mean.size() == deviation.size(), "deviation", channels + " numbers", std::to_string(deviation.size()));
        spec.require(!n.bgr || mean.size() == 3, "order", "\"rgb\" where there are not three channels", "\"bgr\"");
        n.channels = static_cast<int>(mean.size());
        if (spec.has("bits", n.bits != 0)) spec.whole("bits", n.bits, 8, 16);
        else n.bits = 0;
        spec.require(n.bits % 8 == 0, "bits", "8 or 16", std::to_string(n.bits));
        std::ranges::copy(mean, n.mean);
        std::ranges::copy(deviation, n.deviation);
      });
      if (spec.has("pyramid", pyramid.is_there())) spec.group("pyramid", [&] { pyramid.describe(spec); });
      else pyramid = {};
    });
    spec.group("anchors", [&] {
      spec.lists("sizes", anchor_sizes);
      spec.numbers("ratios", anchor_ratios);
    });
    if (spec.has("rpn", untrained_rpn)) spec.choice("rpn", untrained_rpn, "trained", "untrained");
    else untrained_rpn = false;
  }
};

// The name of a label, 1 to K. Throws error.
FRCNN_PER_BUILD inline std::string const& class_name(model_config const& m, std::int32_t label) {
  if (label < 1 || static_cast<std::size_t>(label) > m.classes.size())
    throw error("class_name", "a label from 1 to " + std::to_string(m.classes.size()), std::to_string(label));
  return m.classes[static_cast<std::size_t>(label) - 1];
}

}  // namespace frcnn
FRCNN_HIDDEN_END
