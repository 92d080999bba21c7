#pragma once
// Everything besides weights that a detector needs to detect: what a model file's metadata holds.
#include "frcnn/core/error.hpp"
#include "frcnn/core/pixels.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct model_config {
  std::string preset;                             // "small", "vgg16_tv"
  std::vector<std::string> classes;               // label i + 1 is classes[i]; background has no name
  std::vector<std::vector<double>> anchor_sizes;  // per level: square roots of areas, pixels of the resized image
  std::vector<double> anchor_ratios;              // h / w
  int short_side = 600, max_side = 1000;          // of the resized image, pixels
  pixel_normalisation normalisation = pixel_normalisation::imagenet();
  std::array<int, 2> fc_ranks{0, 0};  // of fc6 and fc7; 0: full (nn/low_rank_linear.hpp)
};

// The name of a label, 1 to K. Throws error.
FRCNN_PER_BUILD inline std::string const& class_name(model_config const& m, std::int32_t label) {
  if (label < 1 || static_cast<std::size_t>(label) > m.classes.size())
    throw error("class_name", "a label from 1 to " + std::to_string(m.classes.size()), std::to_string(label));
  return m.classes[static_cast<std::size_t>(label) - 1];
}

}  // namespace frcnn
FRCNN_HIDDEN_END
