#pragma once
// Regions from outside: boxes that the RoI head is given in place of the RPN's proposals (Fast R-CNN).
//
//   region         where it is, in pixels of the original image, half-open; and how likely it holds an object, where its maker says so
//   region_source  the regions of image `index` of a data set, of the image as it is, unmirrored; `flipped` says that the network will see
//                  its mirror image, for a maker that proposes on what the network sees. Several threads may call it at once
// A list without regions means that there is nowhere to look; that there is no list, that the RPN proposes.
//
//   best_regions(list, most)          by descending score, equal ones in the order given, at most so many
//   region_in_input<Rules>(..)        a region where the network will find it: mirrored, scaled, clipped to the image as resized
// Throws for a box that is none or that lies beside its image.
//
// Example: an image of 100 x 50 at scale 2, mirrored: (60, 10, 110, 30) is (0, 20, 80, 60) under torchvision
// Source: Girshick, Fast R-CNN, 2015, section 2.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <ranges>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct region {
  box<float> where;
  float score = 0;  // any scale: only its order counts
};

using region_source = std::function<std::vector<region>(std::size_t index, bool flipped)>;

// Regions of an image as a caller may have them, with scores or without; and such a list for each of several images.
template <class R>
concept RegionList = std::ranges::input_range<R const> &&
    (std::same_as<std::ranges::range_value_t<R const>, region> || std::same_as<std::ranges::range_value_t<R const>, box<float>>);
template <class R>
concept RegionLists = std::ranges::input_range<R const> && RegionList<std::ranges::range_value_t<R const>>;

template <RegionList R>
FRCNN_PER_BUILD std::vector<region> regions_of(R const& list) {
  std::vector<region> regions;
  for (auto const& r : list) regions.push_back({r});
  return regions;
}

// One list for each image.
template <RegionLists L>
FRCNN_PER_BUILD std::vector<std::vector<region>> regions_of(L const& lists) {
  std::vector<std::vector<region>> regions;
  for (auto const& list : lists) regions.push_back(regions_of(list));
  return regions;
}

FRCNN_PER_BUILD inline void best_regions(std::vector<region>& regions, int most) {
  std::ranges::stable_sort(regions, std::ranges::greater{}, &region::score);
  if (regions.size() > static_cast<std::size_t>(most)) regions.resize(static_cast<std::size_t>(most));
}

// Throws where it is no region of an image of w x h. name(): of the region, "region 3"; asked only then, since regions come in thousands.
template <class Name>
FRCNN_PER_BUILD void check_region(region const& r, int w, int h, Name const& name) {
  auto const& b = r.where;
  if (!is_finite(b) || !(b.x1 < b.x2) || !(b.y1 < b.y2))
    throw error(name(), "a box of finite corners with x1 < x2 and y1 < y2", to_string(b));
  if (b.x2 <= 0 || b.y2 <= 0 || b.x1 >= static_cast<float>(w) || b.y1 >= static_cast<float>(h))
    throw error(name(), "a box that meets its image of " + std::to_string(w) + " x " + std::to_string(h) + " pixels", to_string(b));
  if (is_nan(r.score)) throw error(name(), "a score that is a number", "NaN");
}

// w: of the original image.
template <class Rules>
FRCNN_PER_BUILD box<float> region_in_input(region const& r, int w, bool flipped, resize_plan const& plan) {
  box<float> const here = flipped ? Rules::flip_box(r.where, static_cast<float>(w)) : r.where;
  return Rules::clip(Rules::scale_box(here, static_cast<float>(plan.scale_x), static_cast<float>(plan.scale_y)), static_cast<float>(plan.h),
                     static_cast<float>(plan.w));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
