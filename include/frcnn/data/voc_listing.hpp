#pragma once
// Which images a split of a VOC folder names, and which files belong to them. Nothing is opened but the list.
//
// 1. the list is found and read by voc_split.hpp. A line is an id as a whole, blanks included; only where it ends in the -1, 0 or 1 of
//    VOC's class files, this last word is cut. Extensions and the path down to the images' folder may stand in it
// 2. a missing image is named with what there is instead: a link to nothing, a folder, a file whose name only looks the same
// 3. images lie in the first folder of the layout that holds any of the ids, annotations likewise
// 4. what is missing altogether is one problem that says what lies there instead
//
// Messages name the options of the programs: --split is voc_source::part, --skip-bad is voc_options::skip_bad.
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/problems.hpp"
#include "frcnn/data/voc_annotation.hpp"
#include "frcnn/data/voc_options.hpp"
#include "frcnn/data/voc_split.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <set>

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

inline std::string without_class_flag(std::string const& line) {
  std::size_t const blank = line.find_last_of(" \t");
  std::string const last = blank == line.npos ? "" : line.substr(blank + 1);
  return last == "-1" || last == "0" || last == "1" ? std::string(trimmed(line.substr(0, blank))) : line;
}

struct resolved_id {
  std::string id;
  std::filesystem::path image;  // empty: there is none
};

// What a line of a list means: the first reading for which there is a file.
inline resolved_id resolve(std::string const& line, file_finder& images) {
  std::string const folder = "/" + images.folder().filename().string() + "/";
  for (std::string text : {line, without_class_flag(line)}) {
    while (text.substr(0, 2) == "./" || text.substr(0, 2) == ".\\") text = text.substr(2);
    std::string forward = text;
    std::replace(forward.begin(), forward.end(), '\\', '/');
    std::size_t const below = ("/" + forward).rfind(folder);
    for (std::string const& id : {text, forward, below == text.npos ? std::string() : forward.substr(below + folder.size() - 1)}) {
      if (!inside(id)) continue;
      if (auto image = images.find(id); !image.empty()) return {id, image};
      std::string const stem = images.stem_of(id);
      std::error_code ignored;
      if (stem.empty()) continue;
      if (auto const exact = images.folder() / id; std::filesystem::is_regular_file(exact, ignored)) return {stem, exact};
      if (auto image = images.find(stem); !image.empty()) return {stem, image};
    }
  }
  return {without_class_flag(line), {}};
}

// The first folder in which `found` says that a file of the data lies; without any the first of them.
template <class Found>
std::filesystem::path first_folder(std::vector<std::filesystem::path> const& folders, Found const& found) {
  for (auto const& folder : folders)
    if (found(folder)) return folder;
  return folders.front();
}

// A name in a list of names: between quotes where a comma in it would make it look like two.
inline std::string listed_name(std::string const& name) { return name.find(',') == name.npos ? name : excerpt(name, 255); }

inline std::string joined(std::vector<std::string> const& names) {
  std::string all;
  for (auto const& name : names) all += (all.empty() ? "" : ", ") + listed_name(name);
  return all;
}

// The lines of the source's list, where there are folders of images too.
inline split_lines list_of(voc_source const& source, voc_layout const& layout) {
  if (layout.images.empty())
    throw error(layout.root.string(), "a folder of images (JPEGImages, images, JPEGImgs), or images in it", contents_of(layout.root));
  return read_split(source, layout);
}

// A share of one, without the last bits of 1 - share.
inline std::string share_text(double share) { return number_text(std::round(share * 1e9) / 1e9); }

// The images of one source, each id once, in the order of its list. others: those of the list that are not in the source's part.
inline std::vector<listed_image> list_images(voc_source const& source, voc_layout const& layout, bool skip_bad,
                                             std::vector<listed_image>& others, voc_listing& all) {
  split_lines const list = list_of(source, layout);
  if (list.candidates > 1) all.other_lists.add(list.file.string());
  std::string const name = layout.root.string() + (list.file.empty() ? "" : ":" + source.split);
  auto const folder = first_folder(layout.images, [&](std::filesystem::path const& candidate) {
    file_finder images(candidate, all_image_extensions());
    return std::any_of(list.lines.begin(), list.lines.end(), [&](std::string const& line) { return !resolve(line, images).image.empty(); });
  });
  if (folder.filename() != "JPEGImages") all.notes.push_back(name + ": images are read from " + folder.string());

  file_finder images(folder, image_extensions()), not_read(folder, other_image_extensions());
  std::error_code ignored;
  std::string const canonical = std::filesystem::canonical(folder, ignored).string();
  std::vector<listed_image> result;
  std::vector<std::string> ids;  // of these images
  std::set<std::string> known;   // theirs, and those of images that were listed before
  for (std::string const& line : list.lines) {
    listed_image c;
    resolved_id meant = resolve(line, images);
    if (meant.image.empty())
      if (auto const other = resolve(line, not_read); !other.image.empty()) meant = other;
    if (meant.image.empty() && !skip_bad && fault_in_utf8(line) != line.npos && !list.file.empty()) throw not_utf8(list.file, line);
    c.id = meant.id;
    c.image = meant.image;
    known.insert(c.id);
    if (!all.seen.emplace(canonical, c.id).second) {
      all.repeated.add((list.file.empty() ? folder : list.file).string() + ", " + excerpt(c.id, 255));
      continue;
    }
    ids.push_back(c.id);
    result.push_back(std::move(c));
  }
  if (source.part.whole()) {
    if (list.file.empty()) all.notes.push_back(name + ": all its " + std::to_string(known.size()) + " images are taken");
  } else {
    auto const taken = ids_within(ids, source.part);
    std::set<std::string> const wanted(taken.begin(), taken.end());
    auto const first_other =
        std::stable_partition(result.begin(), result.end(), [&](listed_image const& c) { return wanted.contains(c.id); });
    others.assign(std::make_move_iterator(first_other), std::make_move_iterator(result.end()));
    result.erase(first_other, result.end());
    std::string const range = "from " + share_text(source.part.from) + " to " + share_text(source.part.to);
    if (ids.size() < 2) throw error(name, "at least two images to take a part of", std::to_string(ids.size()));
    if (taken.empty())
      throw error(name, "images whose ids' hashes are " + range, "none of " + std::to_string(ids.size()) + " (another fraction has some)");
    auto const in_part = [&](std::string const& id) { return source.part.from <= place_of(id) && place_of(id) < source.part.to; };
    bool const as_asked = static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), in_part)) == taken.size();
    all.notes.push_back(name + ": " + (list.file.empty() && source.split != "all" ? "no lists there; " : "") +
                        std::to_string(taken.size()) + " of its " + std::to_string(ids.size()) +
                        (taken.size() == 1 ? " images is taken, by a hash of its id (" : " images are taken, by a hash of their ids (") +
                        range + (as_asked ? ")" : "; each part has one image at least)"));
  }

  // Missing images, and those of a format that is not read.
  std::map<std::string, tally> unread;
  tally missing;
  std::string first_instead;
  for (listed_image& c : result) {
    std::string const extension = lower(c.image.extension().string());
    bool const readable = c.image.empty() || images.stem_of("a" + extension) == "a";
    if (c.image.empty()) {
      missing.add(excerpt(c.id, 255));
      std::string const other = inside(c.id) ? images.instead(c.id) : std::string();
      if (missing.count == 1 && !other.empty()) first_instead = " (there is " + other + ")";
      c.image_problems.add((folder / c.id).string() + FRCNN_IMAGE_ENDINGS, "an image", other.empty() ? "no such file" : other, true);
    } else if (!readable) {
      unread[extension].add(c.image.filename().string());
      c.image_problems.add(c.image.string(), "a " FRCNN_IMAGE_FORMATS " image", "one that ends in " + extension, true);
    } else if (images.candidates(c.id) > 1) {
      all.alternatives.add(c.image.string());
    }
    if (!readable) c.image.clear();
  }
  if (missing.count == result.size() && missing.count > 1) {
    all.problems.add(folder.string(), "the images of split " + excerpt(source.split),
                     "none of its " + std::to_string(missing.count) + ", the first " + missing.first + first_instead + "; it holds " +
                         contents_of(folder));
    return {};
  }
  if (!skip_bad && !unread.empty()) {
    for (auto const& [extension, files] : unread)
      all.problems.add(folder.string(), FRCNN_IMAGE_FORMATS " images",
                       std::to_string(files.count) + " that end in " + extension + ", the first '" + files.first +
                           "': convert them, for example with: mogrify -format png '*" + extension + "'" +
                           (extension.starts_with(".tif") ? "; or take a build with libtiff (FRCNN_TIFF; Debian: libtiff-dev)" : ""));
    std::erase_if(result, [&](listed_image const& c) { return c.image.empty() && not_read.candidates(c.id) > 0; });
  }
  if (list.file.empty() && source.part.from <= 0) {  // said once, with the first part
    for (auto const& place : layout.annotations)
      for (auto const& id : file_finder(place, {".xml"}).ids(true))
        if (known.count(id) == 0 && id.substr(0, 5) != "xmls/") all.strays.add((place / (id + ".xml")).string());
  }
  return result;
}

// Where no image has an annotation: what lies below the root that may have been meant as one, in a sentence behind the others.
inline std::string meant_as_annotations(std::filesystem::path const& root, std::filesystem::path const& folder,
                                        std::vector<listed_image> const& images) {
  std::map<std::string, std::string> id_of;  // by the last part of the ids
  for (listed_image const& c : images) id_of.emplace(std::filesystem::path(c.id).filename().string(), c.id);
  std::filesystem::path elsewhere, text, json, whole;  // of each the first
  auto const take = [](std::filesystem::path& first, std::filesystem::path const& path) {
    if (first.empty() || path < first) first = path;
  };
  std::error_code problem;
  for (std::filesystem::recursive_directory_iterator at(root, problem), end; !problem && at != end; at.increment(problem)) {
    auto const& path = at->path();
    if (kept_by_a_system(path.filename().string()) || at.depth() > 3) {
      at.disable_recursion_pending();
      continue;
    }
    std::string const extension = lower(path.extension().string());
    bool const named = id_of.count(path.stem().string()) > 0;
    if (extension == ".xml") take(named ? elsewhere : whole, path);
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
    return "; " + whole.string() +
           " has the name of none of the images (one file for all of them, as CVAT has it, is not read: export PASCAL VOC)";
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
  std::size_t missing = 0;
  for (listed_image& c : images) {
    c.annotations = folder;
    auto const found = xml_of(annotations, c);
    c.annotation = found.path;
    if (found.candidates > 1) all.other_annotations.add(c.annotation.string());
    if (!c.annotation.empty()) continue;
    ++missing;
    c.annotation = folder / (c.id + ".xml");
    std::string const other = inside(c.id) ? annotations.instead(c.id) : std::string();
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
                       contents_of(none ? layout.root : folder) +
                       meant_as_annotations(layout.root, none ? layout.root / "Annotations" : folder, images));
}

}  // namespace detail

// Throws what reading a source would, where its folders or its list are not there. Nothing but the list is opened.
inline void require_there(voc_source const& source) { detail::list_of(source, find_voc_layout(source.root)); }

// required: whether a split without any annotations is a problem.
inline voc_listing list_voc(std::vector<voc_source> const& sources, bool required, bool skip_bad,
                            missing_annotation without = missing_annotation::error) {
  voc_listing all;
  for (voc_source const& source : sources) {
    voc_layout const layout = find_voc_layout(source.root);
    if (layout.root != source.root) all.notes.push_back(source.root.string() + ": the data is read from " + layout.root.string());
    std::vector<listed_image> others;
    auto images = detail::list_images(source, layout, skip_bad, others, all);
    detail::find_annotations(source, layout, required, without, others, images, all);
    for (auto& c : images) all.images.push_back(std::move(c));
  }
  return all;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
