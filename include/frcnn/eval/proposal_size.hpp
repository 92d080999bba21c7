#pragma once
// How large the proposals of each anchor are on average: what an anchor has learned to propose (Table 1 of the paper).
//
// Of each anchor, over all images: the mean width and the mean height of its proposals in pixels of the resized image, which are those of
// the anchor. scale[i]: from image i to its resized one.
//
// Example: at scale 2, proposals (0,0,10,20) and (0,0,30,20) of the anchor 32:1: 2 proposals, 40 x 40
// Source: Faster R-CNN, section 3.3, Table 1.
#include "frcnn/eval/proposal_file.hpp"

#include <cstdio>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct anchor_mean {
  anchor_shape anchor;
  std::size_t proposals = 0;
  double width = 0, height = 0;
};

// One for each of lists.anchors. Throws error where scales are not one for each image.
inline std::vector<anchor_mean> mean_sizes(proposal_lists const& lists, std::span<double const> scale) {
  if (scale.size() != lists.regions.size())
    throw error("mean_sizes", "a scale for each of " + std::to_string(lists.regions.size()) + " images", std::to_string(scale.size()));
  std::vector<anchor_mean> means;
  for (auto const& a : lists.anchors) means.push_back({a});
  for (std::size_t i = 0; i < lists.anchor.size(); ++i)
    for (std::size_t r = 0; r < lists.anchor[i].size(); ++r) {
      anchor_mean& m = means[lists.anchor[i][r]];
      auto const where = lists.regions[i][r].where.as<double>();
      ++m.proposals;
      m.width += where.width() * scale[i];
      m.height += where.height() * scale[i];
    }
  for (auto& m : means)
    if (m.proposals) m.width /= static_cast<double>(m.proposals), m.height /= static_cast<double>(m.proposals);
  return means;
}

// "anchor 128:0.5 proposes 188 x 111 (12.3 % of 4500)", a line each.
inline std::string size_report(std::span<anchor_mean const> means) {
  std::size_t all = 0;
  for (auto const& m : means) all += m.proposals;
  std::string text;
  for (auto const& m : means) {
    char line[160];
    std::snprintf(line, sizeof line, "anchor %g:%g proposes %.0f x %.0f (%.1f %% of %zu)\n", m.anchor.size, m.anchor.ratio, m.width,
                  m.height, all ? 100. * static_cast<double>(m.proposals) / static_cast<double>(all) : 0., all);
    text += line;
  }
  return text;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
