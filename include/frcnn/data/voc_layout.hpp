#pragma once
// Where images, annotations and lists lie below a root in VOC layout, or in one of the layouts that tools make of it.
//
//   images        JPEGImages, images, JPEGImgs, in any case, and the root itself
//   annotations   Annotations, annots, in any case, each with a folder xmls in it, the images' own folder, and the root
//   lists         ImageSets/Main, ImageSets, and the root itself
// A root that holds none of these and one folder that does is that folder: VOCdevkit is VOCdevkit/VOC2007. Several are refused by name,
// and so is a folder of images alone where annotations lie beside it under a name that is none of these.
// The first place that holds a file of the data is taken, so that images in two places are never mixed (voc_listing.hpp).
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/data/file_finder.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <filesystem>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct voc_layout {
  std::filesystem::path root;
  std::vector<std::filesystem::path> images, annotations, lists;  // folders that are there, the likelier first; annotations may be empty
};

namespace detail {

// The folders of `parent` with one of the names, in any case, in the order of the names; of two cases the one that is written like the
// name.
inline std::vector<std::filesystem::path> folders_named(std::filesystem::path const& parent, std::vector<std::string> const& names) {
  std::vector<std::filesystem::path> result;
  for (std::string const& name : names) {
    std::set<std::pair<bool, std::filesystem::path>> found;
    io::for_each_entry(parent, [&](auto const& at) {
      std::string const there = at.path().filename().string();
      std::error_code ignored;
      if (lower(there) == lower(name) && at.is_directory(ignored)) found.emplace(there != name, at.path());
    });
    for (auto const& [other_case, path] : found) result.push_back(path);
  }
  return result;
}

// Without looking further down.
inline voc_layout layout_at(std::filesystem::path const& root) {
  voc_layout found{root, folders_named(root, {"JPEGImages", "images", "JPEGImgs"}), {}, {}};
  for (auto const& folder : folders_named(root, {"Annotations", "annots"})) {
    found.annotations.push_back(folder);
    for (auto const& deeper : folders_named(folder, {"xmls"})) found.annotations.push_back(deeper);
  }
  for (auto const& sets : folders_named(root, {"ImageSets"})) {
    for (auto const& main : folders_named(sets, {"Main"})) found.lists.push_back(main);
    found.lists.push_back(sets);
  }
  if (!file_finder(root, all_image_extensions()).ids(false).empty()) found.images.push_back(root);
  return found;
}

// Of a place within a folder in VOC layout, that folder, as the end of a sentence; empty: it is none.
inline std::string folder_around(std::filesystem::path const& place) {
  auto above = place.has_filename() ? place : place.parent_path();
  for (int depth = 0; depth < 3; ++depth) {
    auto const part = above.filename();
    above = above.has_parent_path() ? above.parent_path() : ".";
    auto const around = layout_at(above);
    auto const has = [&](std::vector<std::filesystem::path> const& folders) {
      return std::any_of(folders.begin(), folders.end(), [&](auto const& f) { return f != above && f.filename() == part; });
    };
    if (!around.annotations.empty() && !around.images.empty() && (has(around.images) || has(around.annotations) || part == "ImageSets"))
      return "; it is in " + above.string() + ", which is the folder to name";
    if (above == ".") break;
  }
  return {};
}

inline bool holds_data(voc_layout const& l) { return !l.images.empty() || !l.annotations.empty() || !l.lists.empty(); }

// By name, without those of systems and those that may not be looked into, of which nobody said that they are data.
inline std::set<std::filesystem::path> folders_in(std::filesystem::path const& folder) {
  std::set<std::filesystem::path> found;
  io::for_each_entry(folder, [&](auto const& at) {
    std::error_code ignored;
    if (!belongs_to_a_system(at.path().filename().string()) && at.is_directory(ignored) && io::can_be_searched(at.path()))
      found.insert(at.path());
  });
  return found;
}

inline void find_layouts(std::filesystem::path const& folder, int depth, std::vector<voc_layout>& found) {
  for (auto const& path : folders_in(folder))
    if (voc_layout l = layout_at(path); holds_data(l)) found.push_back(std::move(l));
    else if (depth > 1) find_layouts(path, depth - 1, found);
}

// The first folder, by name, in or below `folder` that holds .xml files; empty: there is none.
inline std::filesystem::path folder_of_xml(std::filesystem::path const& folder, int depth) {
  if (!file_finder(folder, {".xml"}).ids(false).empty()) return folder;
  if (depth > 0)
    for (auto const& path : folders_in(folder))
      if (auto found = folder_of_xml(path, depth - 1); !found.empty()) return found;
  return {};
}

}  // namespace detail

inline voc_layout find_voc_layout(std::filesystem::path const& root) {
  std::error_code hidden, ignored;
  if (!std::filesystem::is_directory(root, hidden)) {
    if (std::filesystem::is_regular_file(root, ignored)) {
      std::string const format = io::foreign_file(io::first_bytes(root));
      throw error(root.string(), "a folder in VOC layout, or a JSON file of COCO",
                  (format.empty() ? "a file" : format) + detail::folder_around(root));
    }
    std::string there = not_a_file(root);
    if (there.empty()) there = hidden == std::errc::permission_denied ? hidden.message() : "no folder there";
    throw error(root.string(), "a folder in VOC layout", there);
  }
  voc_layout here = detail::layout_at(root);
  if (detail::holds_data(here)) return here;
  std::vector<voc_layout> below;
  detail::find_layouts(root, 3, below);
  if (below.size() == 1) {
    voc_layout const& only = below.front();
    if (only.annotations.empty() && detail::folder_of_xml(only.root, 3).empty()) {
      if (auto const beside = only.root.parent_path() / "ann"; !file_finder(beside, {".json"}).ids(false).empty())
        throw error(root.string(), "a folder in VOC layout (JPEGImages, Annotations)",
                    "Supervisely's JSON in " + excerpt(beside.string()) + ": export it as PASCAL VOC or COCO");
      if (auto const elsewhere = detail::folder_of_xml(root, 3); !elsewhere.empty())
        throw error(root.string(), "a folder in VOC layout (JPEGImages, Annotations)",
                    "images in " + excerpt(only.root.string()) + " and annotations in " + excerpt(elsewhere.string()));
    }
    return only;
  }
  if (!below.empty())
    throw error(root.string(), "one folder in VOC layout, named itself",
                std::to_string(below.size()) + " of them: " + first_of(below, 5, [](voc_layout const& l) { return l.root.string(); }));
  throw error(root.string(), "a folder in VOC layout (JPEGImages, Annotations)", contents_of(root) + detail::folder_around(root));
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
