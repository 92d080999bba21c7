#pragma once
// The anchors of a detector as regions of a data set: where its RPN would look, before it has learned anything.
//
//   empirical_targets<Rules>(set, anchor_regions(d, set), classes)    statistics of a training that has no proposals yet
// Every anchor of every cell of the padded image, in pixels of the original one, clipped to it; those beside it are left out. The detector
// and the data outlive the source. No network runs.
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/detector/detector.hpp"

#include <algorithm>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Preset, data::DataSource Source>
region_source anchor_regions(detector<Preset> const& d, Source const& set) {
  return [&d, &set](std::size_t i, bool) {
    using rules = typename Preset::convention;
    using model = typename Preset::model;
    using T = typename model::scalar;
    using B = typename model::device;
    auto const& config = d.config();
    auto const& truth = set.truth(i);
    auto const plan = rules::resize(truth.width, truth.height, config.short_side, config.max_side);
    auto const input = d.make_input();
    shape<4> const pixels{{1, config.normalisation.channels, input.padded(plan.h), input.padded(plan.w)}};
    maps<T, model::levels, B> f{};
    for (int l = 0; l < model::levels; ++l) f.level[l].dims = d.model().backbone().map_shape(l, pixels);
    auto const anchors = d.model().generator().place(pixels, f);
    float const w = static_cast<float>(truth.width), h = static_cast<float>(truth.height);
    std::vector<region> all;
    for (int k = 0; k < anchors.count(); ++k) {
      auto const b = rules::unscale_box(anchors.template at<float>(k), static_cast<float>(plan.scale_x), static_cast<float>(plan.scale_y));
      box<float> const inside{std::max(b.x1, 0.f), std::max(b.y1, 0.f), std::min(b.x2, w), std::min(b.y2, h)};
      if (inside.x1 < inside.x2 && inside.y1 < inside.y2) all.push_back({inside});
    }
    return all;
  };
}

}  // namespace frcnn
FRCNN_HIDDEN_END
