#pragma once
// Proposals of a file for the images of a data set, as programs read them: --proposals FILE.
#include "console.hpp"

#include <frcnn/data/dataset.hpp>
#include <frcnn/eval/proposal_file.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace console {

inline std::vector<frcnn::eval::listed_image> listed_images(frcnn::data::dataset const& set) {
  std::vector<frcnn::eval::listed_image> images;
  for (auto const& s : set.samples) images.push_back({s.id, s.width, s.height});
  return images;
}

// text: of the file, read once for several data sets. elsewhere: a data set whose images the file may have besides.
inline std::shared_ptr<frcnn::eval::proposal_lists> proposals_in(std::string_view text, frcnn::data::dataset const& set,
                                                                 std::string const& file, frcnn::data::dataset const& elsewhere = {}) {
  std::vector<std::string> others;
  for (auto const& s : elsewhere.samples) others.push_back(s.id);
  auto lists = frcnn::eval::parse_proposals(text, file, listed_images(set), warn, others);
  auto const empty = [](auto const& list) { return list.empty(); };
  if (std::all_of(lists.regions.begin(), lists.regions.end(), empty))
    throw frcnn::error(file, "a proposal on one of the images at least", "their names alone");
  return std::make_shared<frcnn::eval::proposal_lists>(std::move(lists));
}
inline std::shared_ptr<frcnn::eval::proposal_lists> proposals_of(frcnn::data::dataset const& set, std::string const& file) {
  return proposals_in(frcnn::eval::text_of_proposals(file), set, file);
}

}  // namespace console
