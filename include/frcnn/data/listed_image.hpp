#pragma once
// An image that a split names with the files that belong to it, and what listing several sources found.
#include "frcnn/data/problems.hpp"
#include "frcnn/data/voc_annotation.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct listed_image {
  std::string id;
  std::filesystem::path image, annotation;          // annotation is empty: nobody has annotated this split
  std::filesystem::path annotations;                // the folder in which annotations of this split lie
  bool without_annotation = false;                  // it has none, and counts as without objects
  std::shared_ptr<voc_annotation const> written{};  // what its annotation says, where that is no file of its own; counts from 0, half-open
  std::int64_t number = 0;                          // its id in a COCO file
  problem_report image_problems, annotation_problems;
};

// What listing several sources finds, from one to the next.
struct voc_listing {
  std::vector<listed_image> images;
  problem_report problems;                             // of whole folders
  tally repeated, strays;                              // ids that are listed twice, annotations without an image
  tally alternatives, other_annotations, other_lists;  // ids with several images, ids with several annotations, splits with several lists
  std::vector<std::string> notes;                      // what was decided where the layout left a choice
  std::set<std::pair<std::string, std::string>> seen;  // folder of the images and id
};

namespace detail {

inline bool inside(std::string const& id) {  // of the folder that it is looked for in
  std::filesystem::path const path(id);
  return !id.empty() && path.is_relative() && std::find(path.begin(), path.end(), "..") == path.end();
}

// The first folder in which `found` says that a file of the data lies; without any the first of them.
template <class Found>
std::filesystem::path first_folder(std::vector<std::filesystem::path> const& folders, Found const& found) {
  for (auto const& folder : folders)
    if (found(folder)) return folder;
  return folders.front();
}

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
