#pragma once
// Detection on regions of an image pyramid (geometry/image_pyramid.hpp): each region is classified at the scale that suits it, then
// suppression, and the limit on their number, see what was found at all scales together.
//
//   detect_on_pyramid<Rules>(pyramid, regions, options, classes, plan_at, detect_at)
//     plan_at(side)                        the resize plan of the image at a short side
//     detect_at(side, regions, options)    what a detector of that one scale finds: called for scales that have regions
// Example: one object, found at two scales with scores .9 and .8 at boxes that overlap by .8: at nms .5 the first is left
#include "frcnn/geometry/detect_options.hpp"
#include "frcnn/geometry/image_pyramid.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/geometry/region.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <algorithm>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// Suppression within each class, then the highest `most`: what roi/postprocess.hpp does. Of equal scores the first goes before.
template <class Rules>
std::vector<detection> best_of_scales(std::vector<detection> found, double nms, int most) {
  float const threshold = Rules::template nms_threshold<float>(nms);
  std::ranges::stable_sort(found, std::ranges::greater{}, &detection::score);
  std::vector<detection> survivors;
  for (auto const& d : found) {
    if (survivors.size() == static_cast<std::size_t>(most)) break;
    auto const hides = [&](detection const& k) { return k.label == d.label && Rules::suppresses(iou(k.where, d.where), threshold); };
    if (std::ranges::none_of(survivors, hides)) survivors.push_back(d);
  }
  return survivors;
}

}  // namespace detail

// o: with everything set.
template <class Rules, class PlanAt, class DetectAt>
std::vector<detection> detect_on_pyramid(image_pyramid const& pyramid, std::span<region const> regions, detect_options const& o,
                                         std::size_t classes, PlanAt plan_at, DetectAt detect_at) {
  std::vector<double> area_factor;
  for (int const side : pyramid.short_sides) {
    resize_plan const p = plan_at(side);
    area_factor.push_back(p.scale_x * p.scale_y);
  }
  std::vector<std::vector<region>> at_scale(area_factor.size());
  for (region const& r : regions) at_scale[pyramid.scale_of(r.where, area_factor)].push_back(r);
  std::vector<detection> all;
  for (std::size_t s = 0; s < at_scale.size(); ++s) {
    if (at_scale[s].empty()) continue;
    int const most = static_cast<int>(std::min<std::size_t>(at_scale[s].size() * classes, most_detections));
    auto const found = detect_at(pyramid.short_sides[s], at_scale[s], detect_options{o.score, 2., most});  // no IoU is above 2
    all.insert(all.end(), found.begin(), found.end());
  }
  return detail::best_of_scales<Rules>(std::move(all), *o.nms, *o.max_detections);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
