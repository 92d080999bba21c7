#pragma once
// The folder below which all images of a data set lie, and each image's name from there, for files that name images so: COCO's JSON.
//
//   auto const folder = common_folder(data);  path_from(folder, data.samples[0].image)      "a/b.jpg"
#include "frcnn/data/dataset.hpp"

#include <algorithm>
#include <filesystem>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

namespace detail {

inline bool is_below(std::filesystem::path const& path, std::filesystem::path const& folder) {
  auto const below = path.lexically_relative(folder);
  return !below.empty() && *below.begin() != "..";
}

inline std::filesystem::path common_folder(dataset const& data, bool absolute) {
  std::filesystem::path common;
  for (sample const& s : data.samples) {
    auto const folder = (absolute ? std::filesystem::absolute(s.image) : s.image).parent_path().lexically_normal();
    if (common.empty()) common = folder.empty() ? "." : folder;
    while (common.has_relative_path() && common != "." && !is_below(folder, common))
      common = common.has_parent_path() ? common.parent_path() : std::filesystem::path(".");
  }
  return common;
}

}  // namespace detail

// An image as it is called from a folder that common_folder gave.
inline std::filesystem::path path_from(std::filesystem::path const& folder, std::filesystem::path const& image) {
  return (folder.is_absolute() ? std::filesystem::absolute(image) : image).lexically_normal().lexically_relative(folder);
}

// The folder below which all images lie: as their paths have it, or absolute where some are and others are not, or lie beside the working
// folder.
inline std::filesystem::path common_folder(dataset const& data) {
  auto const is_absolute = [](sample const& s) { return s.image.is_absolute(); };
  auto const absolute = std::ranges::count_if(data.samples, is_absolute);
  if (absolute == 0 || absolute == std::ranges::ssize(data.samples)) {
    auto const common = detail::common_folder(data, false);
    if (std::ranges::all_of(data.samples, [&](sample const& s) { return detail::is_below(s.image.lexically_normal(), common); }))
      return common;
  }
  return detail::common_folder(data, true);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
