#pragma once
// Which file is the annotation of each image of a split: <id>.xml, or <image's name>.xml, in the first folder of the layout that has any.
// None at all is one problem, which says what lies there instead.
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/listed_image.hpp"
#include "frcnn/data/voc_layout.hpp"
#include "frcnn/data/voc_options.hpp"
#include "frcnn/data/voc_source.hpp"

#include <map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

namespace detail {

// Where no image has an annotation: what lies below the root that may have been meant as one, in a sentence behind the others.
inline std::string meant_as_annotations(std::filesystem::path const& root, std::filesystem::path const& folder,
                                        std::vector<listed_image> const& images) {
  std::map<std::string, std::string> id_of;  // by the last part of the ids
  for (listed_image const& c : images) id_of.emplace(std::filesystem::path(c.id).filename().string(), c.id);
  std::filesystem::path elsewhere, text, json, whole;  // of each the first
  std::size_t others = 0;                              // such as `whole`
  auto const take = [](std::filesystem::path& first, std::filesystem::path const& path) {
    if (first.empty() || path < first) first = path;
  };
  std::error_code problem;
  auto const skips = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator at(root, skips, problem), end; !problem && at != end; at.increment(problem)) {
    auto const& path = at->path();
    if (belongs_to_a_system(path.filename().string()) || at.depth() > 3) {
      at.disable_recursion_pending();
      continue;
    }
    std::string const extension = lower(path.extension().string());
    bool const named = id_of.count(path.stem().string()) > 0;
    if (extension == ".xml") take(named ? elsewhere : whole, path), others += !named;
    else if (extension == ".txt" && named) take(text, path);
    else if (extension == ".json") take(json, path);
  }
  if (!elsewhere.empty())
    return "; " + elsewhere.string() + " would be read from " + (folder / (id_of.at(elsewhere.stem().string()) + ".xml")).string();
  if (!text.empty()) return "; " + text.string() + ", a text as YOLO has it, is not read: convert the annotations to PASCAL VOC";
  if (!json.empty())
    return "; " + json.string() +
           " is not read with it: COCO's JSON is data by its own name, FILE.json:IMAGES, LabelMe's has to be converted";
  if (!whole.empty())
    return "; " + whole.string() + " has the name of none of the images" +
           (others > 1 ? "" : " (one file for all of them, as CVAT has it, is not read: export PASCAL VOC)");
  return {};
}

struct found_xml {
  std::filesystem::path path;
  std::size_t candidates = 0;
};

inline found_xml xml_of(file_finder& annotations, listed_image const& c) {
  found_xml found;
  if (!inside(c.id)) return found;
  std::vector<std::string> names{c.id};
  if (!c.image.empty()) names.push_back(c.id + c.image.extension().string());  // photo.jpg.xml
  for (auto const& name : names) {
    if (found.path.empty()) found.path = annotations.find(name);
    found.candidates += annotations.candidates(name);
  }
  return found;
}

inline bool has_annotation_in(std::filesystem::path const& folder, std::vector<listed_image> const& images) {
  file_finder annotations(folder, {".xml"});
  return std::any_of(images.begin(), images.end(), [&](listed_image const& c) { return !xml_of(annotations, c).path.empty(); });
}

// Gives every image its annotation. others: what the list has beside the part that is taken.
inline void find_annotations(voc_source const& source, voc_layout const& layout, bool required, missing_annotation without,
                             std::vector<listed_image> const& others, std::vector<listed_image>& images, voc_listing& all) {
  if (images.empty()) return;
  std::vector<std::filesystem::path> folders = layout.annotations;
  folders.insert(folders.end(), layout.images.begin(), layout.images.end());
  folders.push_back(layout.root);
  auto const folder = first_folder(folders, [&](std::filesystem::path const& candidate) { return has_annotation_in(candidate, images); });
  file_finder annotations(folder, {".xml"});
  file_finder with_two_extensions(folder, {".xml", ".txt"});  // a.xml.xml, a.xml.txt: where a system hides the last one
  std::size_t missing = 0;
  for (listed_image& c : images) {
    c.annotations = folder;
    auto const found = xml_of(annotations, c);
    c.annotation = found.path;
    if (found.candidates > 1) all.other_annotations.add(c.annotation.string());
    if (!c.annotation.empty()) continue;
    ++missing;
    c.annotation = folder / (c.id + ".xml");
    std::string other;
    if (inside(c.id)) {
      other = annotations.instead(c.id);
      if (other.empty())
        if (auto const longer = with_two_extensions.find(c.id + ".xml"); !longer.empty())
          other = "'" + longer.filename().string() + "', with an extension too many";
    }
    c.without_annotation = without == missing_annotation::empty && other.empty();
    if (!c.without_annotation)
      c.annotation_problems.add(c.annotation.string(), "a file", other.empty() ? "nothing at that place" : other, true);
  }
  if (missing < images.size()) {
    if (folder.filename() != "Annotations")
      all.notes.push_back(layout.root.string() + ":" + source.split + ": annotations are read from " + folder.string());
    return;
  }
  // A part may be of images without objects alone.
  auto const of_others = [&](std::filesystem::path const& candidate) { return has_annotation_in(candidate, others); };
  if (without == missing_annotation::empty && std::any_of(folders.begin(), folders.end(), of_others)) return;
  for (listed_image& c : images) {
    c.annotation.clear();
    c.annotation_problems = {};
    c.without_annotation = false;
  }
  // Where there is no image either, its problem says it: the list is wrong then, and not the annotations.
  if (!required || std::all_of(images.begin(), images.end(), [](listed_image const& c) { return c.image.empty(); })) return;
  bool const none = layout.annotations.empty();
  all.problems.add((none ? layout.root : folder).string(),
                   "annotations of split " + excerpt(source.split) + (none ? " in Annotations, annots or beside the images" : ""),
                   "none for any of its " + std::to_string(images.size()) + " images; it holds " +
                       contents_of(none ? layout.root : folder) + folder_around(layout.root) +
                       meant_as_annotations(layout.root, none ? layout.root / "Annotations" : folder, images));
}

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
