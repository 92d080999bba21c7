#include "outside_regions.hpp"

#include "console.hpp"

#include <frcnn/core/error.hpp>

#include <algorithm>
#include <utility>

namespace console {

std::vector<frcnn::eval::listed_image> listed_images(frcnn::data::dataset const& set) {
  std::vector<frcnn::eval::listed_image> images;
  for (auto const& s : set.samples) images.push_back({s.id, s.width, s.height});
  return images;
}

std::shared_ptr<frcnn::eval::proposal_lists> proposals_in(std::string_view text, frcnn::data::dataset const& set, std::string const& file,
                                                          frcnn::data::dataset const& elsewhere) {
  std::vector<std::string> others;
  for (auto const& s : elsewhere.samples) others.push_back(s.id);
  auto lists = frcnn::eval::parse_proposals(text, file, listed_images(set), warn, others);
  auto const empty = [](auto const& list) { return list.empty(); };
  if (std::all_of(lists.regions.begin(), lists.regions.end(), empty))
    throw frcnn::error(file, "a proposal on one of the images at least", "their names alone");
  return std::make_shared<frcnn::eval::proposal_lists>(std::move(lists));
}

std::shared_ptr<frcnn::eval::proposal_lists> proposals_of(frcnn::data::dataset const& set, std::string const& file) {
  return proposals_in(frcnn::eval::text_of_proposals(file), set, file);
}

}  // namespace console
