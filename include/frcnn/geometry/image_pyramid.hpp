#pragma once
// The image pyramid of Fast R-CNN: an image at several scales, and at which of them a region from outside is looked at.
//
//   image_pyramid p{{480, 576, 688, 864, 1200}, 224};      short sides, as resize plans take them
//   p.scale_of(region, scales)                             the scale at which the region's area is nearest to 224 x 224
// In training each batch is seen at one scale, drawn anew (data/epoch_plan.hpp). In testing all scales are computed, each region is
// classified at its own, and suppression sees what was found at all of them together (detector/detector.hpp). It concerns regions from
// outside alone: the RPN's proposals are made, and classified, at the one short side of the configuration.
//
// Example: at scales 1 and 2 a region of 100 x 100 is looked at at scale 2, one of 150 x 150 at scale 1
// Source: Girshick, Fast R-CNN, 2015, section 2.4 (its fast_rcnn/test.py: _project_im_rois); He et al., SPP-net, 2014: the five sides.
#include "frcnn/geometry/box.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct image_pyramid {
  std::vector<int> short_sides{};  // pixels; none: there is the configuration's one scale
  double region_side = 224;        // square root of the area at which a region is seen best, pixels of the resized image

  FRCNN_PER_BUILD bool is_there() const { return !short_sides.empty(); }

  // area_factor[s]: of how much scale s enlarges an area. Of equals the first.
  FRCNN_PER_BUILD std::size_t scale_of(box<float> const& b, std::span<double const> area_factor) const {
    double const area = static_cast<double>(b.width()) * static_cast<double>(b.height());
    std::size_t best = 0;
    double least = 0;
    for (std::size_t s = 0; s < area_factor.size(); ++s) {
      double const distance = std::abs(area * area_factor[s] - region_side * region_side);
      if (s == 0 || distance < least) best = s, least = distance;
    }
    return best;
  }

  // For a spec (detector/spec.hpp).
  template <class Spec>
  void describe(Spec& spec) {
    std::vector<double> sides(short_sides.begin(), short_sides.end());
    spec.numbers("short_sides", sides);
    short_sides.clear();
    for (double const side : sides) {
      spec.require(side >= 1 && side <= 1 << 16 && side == std::floor(side), "short_sides", "whole numbers from 1 to 65536", "others");
      short_sides.push_back(static_cast<int>(side));
    }
    spec.require(!short_sides.empty() && short_sides.size() <= 64, "short_sides", "1 to 64 numbers", std::to_string(short_sides.size()));
    spec.number("region_side", region_side, 1, 1 << 16);
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
