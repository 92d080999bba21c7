#pragma once
// Which images a split of a VOC folder names. Nothing is opened but the list.
//
// 1. the list is found and read by voc_split.hpp. A line is an id as a whole, blanks included; only where it ends in the -1, 0 or 1 of
//    VOC's class files, this last word is cut. Extensions and the path down to the images' folder may stand in it
// 2. a missing image is named with what there is instead: a link to nothing, a folder, a file whose name only looks the same
// 3. images lie in the first folder of the layout that holds any of the ids, annotations likewise (voc_annotation_files.hpp)
//
// Messages name the options of the programs: --split is voc_source::part, --skip-bad is voc_options::skip_bad.
#include "frcnn/data/voc_annotation_files.hpp"
#include "frcnn/data/voc_split.hpp"

#include <cmath>
#include <map>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

namespace detail {

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

// Of a line that names no image: the first image that a part of it names, as a list has it in which lines hold more than an id.
inline std::filesystem::path image_of_a_part(std::string_view line, file_finder& images) {
  constexpr std::string_view between = " \t,;[](){}'\"";
  for (int parts = 0; parts < 4; ++parts) {
    line.remove_prefix(std::min(line.find_first_not_of(between), line.size()));
    std::string_view const part = line.substr(0, line.find_first_of(between));
    if (part.empty()) break;
    if (auto image = resolve(std::string(part), images).image; !image.empty()) return image;
    line.remove_prefix(part.size());
  }
  return {};
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
      else if (auto const part = missing.count == 1 ? image_of_a_part(c.id, images) : std::filesystem::path(); !part.empty())
        first_instead = " (there is " + excerpt(part.filename().string(), 255) +
                        ": a line is one id, with nothing behind it but the 1, -1 or 0 of VOC's lists of a class)";
      c.image_problems.add((folder / c.id).string() + FRCNN_IMAGE_ENDINGS, "an image", other.empty() ? "no such file" : other, true);
    } else if (!readable) {
      unread[extension].add(c.image.filename().string());
      c.image_problems.add(c.image.string(), "a " FRCNN_IMAGE_FORMATS " image", "one that ends in " + extension, true);
    } else if (images.candidates(c.id) > 1) {
      all.alternatives.add(c.image.string());
    }
    if (!readable) c.image.clear();
  }
  if (missing.count == result.size() && missing.count > 0) {
    all.problems.add(folder.string(), "the images of split " + excerpt(source.split),
                     "none of the " + std::to_string(missing.count) + " in " + list.file.string() + ", the first " + missing.first +
                         first_instead + "; it holds " + contents_of(folder));
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
        if (known.count(id) == 0 && known.count(images.stem_of(id)) == 0 && id.substr(0, 5) != "xmls/")  // a, a.jpg
          all.strays.add((place / (id + ".xml")).string());
  }
  return result;
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
