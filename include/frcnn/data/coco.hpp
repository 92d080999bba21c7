#pragma once
// Data in COCO's JSON: one or several files, and folders in VOC layout beside them, joined by the names of their categories, checked as VOC
// folders are, and written.
//
//   ROOT/annotations/instances_<split>.json   images in ROOT/<split>, ROOT/images/<split>, ROOT/images, ROOT/JPEGImages or ROOT
//   ROOT/<split>/_annotations.coco.json       images beside it, as Roboflow exports them; `valid` is found as `val`, too. ROOT/<split> is
//                                             that file
//   FILE.json[:IMAGES]                        by its name, or as it begins with '{'; images in IMAGES; without it beside the file, in folders of these names there, or one folder up
//
// 1. classes are the first file's categories in order of id, then new names of the others; the mapping goes to options.note. An image keeps
//    its id in sample::number, and is called by its file_name without extension. Of several files, or with folders beside them, ids may be
//    equal: images are numbered from 1 there, and so is what dataset::coco says
// 2. the box is x .. x + w, y .. y + h in pixels from 0, clipped to its image. Crowds and what is marked `ignore` are objects that are
//    difficult: training makes ignore regions of them where it is told so
// 3. images, boxes and classes are checked, and warned of, as voc.hpp says; the JSON itself as io/coco_json.hpp says, which asks whether
//    boxes are corners: where it does not know the size of an image, that is asked here. Where annotations are optional, a file may have none
// 4. backslashes of a file_name are slashes, where no file has that very name
//
// Example: dataset const train = read_coco({*find_coco("COCO:train2017", "train")});
// Invariant: what write_coco writes of a data set reads back as the same data set: images, order, classes, boxes.
#include "frcnn/data/common_folder.hpp"
#include "frcnn/data/voc.hpp"
#include "frcnn/io/coco_json.hpp"
#include "frcnn/io/entries.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct coco_source {
  std::filesystem::path file;
  std::vector<std::filesystem::path> images;  // folders, of which the first that holds an image is read
  std::string split;                          // for messages and result files
  id_range part{};                            // of its images
};

namespace detail {

// The split that a file is of: of "instances_val2017.json" val2017; of "a.json" a.
inline std::string split_of(std::filesystem::path const& file) {
  std::string const stem = file.stem().string();
  return stem.starts_with("instances_") && stem.size() > 10 ? stem.substr(10) : stem;
}

inline std::vector<std::filesystem::path> image_folders(std::filesystem::path const& root, std::string const& split) {
  return {root / split, root / "images" / split, root / "images", root / "JPEGImages", root};
}

// The first of these names that is a split which is there. Throws error that says what was expected in `root`.
inline std::pair<std::string const, std::filesystem::path> const& chosen_split(std::map<std::string, std::filesystem::path> const& there,
                                                                               std::initializer_list<std::string> names,
                                                                               std::string const& root, std::string const& expected) {
  for (auto const& name : names)
    if (auto const found = there.find(name); found != there.end()) return *found;
  throw error(root, expected, "none, but of the splits " + first_of(there, there.size(), [](auto const& one) { return one.first; }));
}

inline constexpr char roboflow_file[] = "_annotations.coco.json";

// is_any: whether a folder that holds the file itself is meant.
inline std::optional<coco_source> find_roboflow(std::filesystem::path const& root, std::string const& wanted, bool is_any) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto const source_in = [](fs::path const& folder) {
    auto const split = folder.has_filename() ? folder.filename() : folder.parent_path().filename();
    return coco_source{folder / roboflow_file, {folder}, split.string(), {}};
  };
  if (is_any && fs::is_regular_file(root / roboflow_file, ignored)) return source_in(root);
  std::map<std::string, fs::path> there;  // folders by split
  io::for_each_entry(root, [&](auto const& at) {
    if (fs::is_regular_file(at.path() / roboflow_file, ignored)) there.emplace(at.path().filename().string(), at.path());
  });
  if (there.empty()) return {};
  std::string const other = wanted == "val" ? "valid" : wanted == "valid" ? "val" : wanted;
  return source_in(chosen_split(there, {wanted, other}, root.string(), wanted + "/" + roboflow_file).second);
}

inline bool is_json(std::string const& path) { return lower(std::filesystem::path(path).extension().string()) == ".json"; }
// By its name, or by how it begins.
inline bool is_json_file(std::string const& path) {
  if (is_json(path)) return true;
  std::string const first = io::first_bytes(path);
  auto const begin = first.find_first_not_of(" \t\r\n", first.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  return begin != first.npos && first[begin] == '{';
}

}  // namespace detail

// Where spec names COCO data; nothing: it does not. split: what ROOT alone means, "train" or "val"; of it, and of a SPLIT that is given,
// train2017 and train2014 are found too. Throws where ROOT is such a folder and the split is not there.
inline std::optional<coco_source> find_coco(std::string const& spec, std::string const& split) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto colon = spec.rfind(':');
  for (auto at = colon; at != spec.npos && at > 0; at = spec.rfind(':', at - 1))  // IMAGES may have a colon in its name, too
    if (auto const front = spec.substr(0, at); fs::is_regular_file(front, ignored) && detail::is_json_file(front)) colon = at;
  bool const divided = colon != spec.npos && !fs::exists(spec, ignored);
  std::string const front = divided ? spec.substr(0, colon) : spec, back = divided ? spec.substr(colon + 1) : "";
  if (!fs::is_directory(front, ignored) && detail::is_json_file(front)) {
    fs::path const file = front;
    coco_source source{file, {}, detail::split_of(file), {}};
    if (!back.empty()) source.images = {back};
    else {
      auto const beside = file.parent_path();
      source.images = {beside};
      for (auto const& root : {beside, beside / ".."})  // what lies beside the file is its own, before what lies above
        for (auto& folder : detail::image_folders(root, source.split))
          if (folder != beside) source.images.push_back(std::move(folder));
    }
    return source;
  }
  fs::path const folder = fs::path(front) / "annotations";
  std::map<std::string, fs::path> there;  // by split
  io::for_each_entry(folder, [&](auto const& at) {
    if (auto const name = at.path().filename().string(); name.starts_with("instances_") && detail::is_json(name))
      there.emplace(detail::split_of(at.path()), at.path());
  });
  std::string const wanted = back.empty() ? split : back;
  if (there.empty()) return detail::find_roboflow(front, wanted, back.empty() || back == "all");
  auto const& [name, file] =
      detail::chosen_split(there, {wanted, wanted + "2017", wanted + "2014"}, front, "annotations/instances_" + wanted + ".json");
  return coco_source{file, detail::image_folders(front, name), name, {}};
}

namespace detail {

// Windows writes "images\\a.jpg" (Label Studio does): slashes, where there is no file of that very name.
inline tally with_slashes(coco_source const& source, io::coco_instances& file) {
  tally turned;
  for (auto& im : file.images) {
    std::string& name = im.file_name;
    std::error_code ignored;
    auto const holds = [&](auto const& folder) { return std::filesystem::exists(folder / name, ignored); };
    if (name.find('\\') == name.npos || std::any_of(source.images.begin(), source.images.end(), holds)) continue;
    turned.add(excerpt(name, 255));
    std::replace(name.begin(), name.end(), '\\', '/');
  }
  return turned;
}

inline std::filesystem::path folder_of_images(coco_source const& source, io::coco_instances const& file) {
  std::error_code ignored;
  for (auto const& folder : source.images)
    for (std::size_t i = 0; i < std::min<std::size_t>(file.images.size(), 20); ++i)
      if (std::filesystem::is_regular_file(folder / file.images[i].file_name, ignored)) return folder.lexically_normal();
  return source.images.front();
}

// What lies where an image of the file should, in words: no file, or a file whose name is nearly the same. Empty: nothing.
inline std::string instead_of_image(file_finder& images, std::string const& name) {
  std::filesystem::path const path = images.folder() / name;
  if (auto const other = not_a_file(path); !other.empty()) return other;
  std::string const id = std::filesystem::path(name).replace_extension().string();
  if (auto const found = images.find(id); !found.empty()) {
    std::string const there = found.filename().string(), wanted = path.filename().string();
    return "'" + there + "', " + (in_one_case(there) == in_one_case(wanted) ? "in another case" : "with another extension");
  }
  return images.instead(id);
}

// Adds the images of a file, with what is annotated on them.
inline void list_coco(coco_source const& source, io::coco_instances const& file, voc_listing& all) {
  std::string const path = source.file.string();
  std::unordered_map<std::int64_t, std::string> name;
  for (auto const& c : file.categories) name.emplace(c.id, c.name);
  std::unordered_map<std::int64_t, std::shared_ptr<voc_annotation>> written;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < file.images.size(); ++i) {
    auto const& im = file.images[i];
    std::string const here = path + ", image " + std::to_string(i) + " (id " + std::to_string(im.id) + ')';
    if (im.file_name.empty()) throw error(here, "a \"file_name\"", "none");
    if (im.file_name.find('\0') != im.file_name.npos) throw error(here, "a \"file_name\" without a zero byte", excerpt(im.file_name, 255));
    if (!inside(im.file_name)) throw error(here, "a \"file_name\" below the folder of the images", excerpt(im.file_name, 255));
    auto& said = written[im.id] = std::make_shared<voc_annotation>();
    if (im.width && im.height) said->size = {{static_cast<double>(im.width), static_cast<double>(im.height)}};
    ids.push_back(std::filesystem::path(im.file_name).replace_extension().string());
  }
  for (auto const& a : file.annotations) {
    voc_object o;
    o.name = name.at(a.category);
    o.difficult = a.crowd || a.ignored;
    o.xmin = a.where.x, o.ymin = a.where.y, o.xmax = a.where.x + a.where.w, o.ymax = a.where.y + a.where.h;
    written.at(a.image)->objects.push_back(std::move(o));
  }
  auto const folder = folder_of_images(source, file);
  if (folder != source.file.parent_path().lexically_normal()) all.notes.push_back(path + ": images are read from " + folder.string());
  auto const chosen = ids_within(ids, source.part);
  std::set<std::string> const within(chosen.begin(), chosen.end());
  file_finder images(folder.empty() ? "." : folder, image_extensions());
  tally missing;
  std::size_t const before = all.images.size();
  for (std::size_t i = 0; i < file.images.size(); ++i) {
    if (!within.contains(ids[i])) continue;
    auto const& im = file.images[i];
    listed_image listed;
    listed.id = ids[i];
    listed.image = folder / im.file_name;
    if (file.annotated) {
      listed.annotation = path + ", " + excerpt(im.file_name, 255);
      listed.written = written.at(im.id);
    }
    listed.number = im.id;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(listed.image, ignored)) {
      std::string const other = instead_of_image(images, im.file_name);
      if (other.empty()) missing.add(im.file_name);
      listed.image_problems.add(listed.image.string(), "a file", other.empty() ? "nothing at that place" : other, true);
    }
    all.images.push_back(std::move(listed));
  }
  if (file.images.empty()) throw error(path, "at least one image", "none");
  if (chosen.empty()) throw error(path, "images in this part of the data", "none of its " + std::to_string(file.images.size()));
  if (missing.count == all.images.size() - before) {
    std::set<std::string> searched;
    for (auto const& place : source.images) searched.insert(place.empty() ? "." : place.lexically_normal().string());
    throw error(path, "its images in a folder (FILE.json:IMAGES says which)",
                "none of " + std::to_string(missing.count) + " in " +
                    first_of(searched, searched.size(), [](auto const& name) { return "'" + name + "'"; }) + "; the first is " +
                    excerpt(missing.first, 255));
  }
}

using coco_numbers = std::unordered_map<std::int64_t, std::int64_t>;  // of images: by the file's ids those in a whole of several files

// Adds a file to a whole, in which images, categories (by name) and annotations are numbered from 1.
inline coco_numbers join_coco(io::coco_instances& whole, io::coco_instances const& file) {
  coco_numbers images, categories;
  for (auto const& c : file.categories) {
    auto at = std::find_if(whole.categories.begin(), whole.categories.end(), [&](auto const& known) { return known.name == c.name; });
    if (at == whole.categories.end()) at = whole.categories.insert(at, {static_cast<std::int64_t>(whole.categories.size() + 1), c.name});
    categories.emplace(c.id, at->id);
  }
  for (auto im : file.images) {
    auto const number = static_cast<std::int64_t>(whole.images.size() + 1);
    images.emplace(im.id, number);
    im.id = number;
    whole.images.push_back(std::move(im));
  }
  for (auto a : file.annotations) {
    a.id = static_cast<std::int64_t>(whole.annotations.size() + 1);
    a.image = images.at(a.image);
    a.category = categories.at(a.category);
    whole.annotations.push_back(a);
  }
  whole.annotated = whole.annotated && file.annotated;
  return images;
}

// Throws where most boxes of images whose size the file does not say are corners, by the sizes of `data`. numbers: empty where
// sample::number is the file's id.
inline void check_corners(std::string const& path, io::coco_instances const& file, coco_numbers const& numbers, dataset const& data) {
  std::set<std::int64_t> without_size;
  for (auto const& im : file.images)
    if (im.width == 0 || im.height == 0) without_size.insert(im.id);
  if (without_size.empty()) return;
  std::unordered_map<std::int64_t, sample const*> by_number;
  for (auto const& s : data.samples) by_number.emplace(s.number, &s);
  io::detail::coco_corners corners;
  for (std::size_t i = 0; i < file.annotations.size(); ++i) {
    auto const& a = file.annotations[i];
    if (!without_size.contains(a.image)) continue;
    auto const found = by_number.find(numbers.empty() ? a.image : numbers.at(a.image));
    if (found == by_number.end()) continue;
    corners.add(a.where, found->second->width, found->second->height, [&] { return io::detail::place_of(path, i, a); });
  }
  corners.check();
}

// "1 person -> 1, 3 car -> 2"; where ids are the labels "their ids, 1 to 80".
inline std::string mapping_of(io::coco_instances const& file, std::vector<std::string> const& classes) {
  std::string text;
  bool same = true;
  for (auto const& c : file.categories) {
    auto const at = std::find(classes.begin(), classes.end(), c.name) - classes.begin();
    bool const left_out = at == static_cast<std::ptrdiff_t>(classes.size());
    same = same && !left_out && at + 1 == c.id;
    text += (text.empty() ? "" : ", ") + std::to_string(c.id) + ' ' + c.name + " -> " + (left_out ? "none" : std::to_string(at + 1));
  }
  return same ? "their ids, 1 to " + std::to_string(file.categories.size()) : text;
}

}  // namespace detail

// Folders in VOC layout and COCO's files as one data set: the folders' images first. Without options.classes, classes are the files', then
// those of the folders that no file has, sorted.
inline dataset read_joined(std::vector<voc_source> const& folders, std::vector<coco_source> const& sources, voc_options options = {}) {
  if (sources.empty()) return read_voc(folders, options);
  auto [all, splits] = detail::names_of(folders);
  auto const lists = options.wanted == annotations::optional ? io::coco_lists::annotations_if_there : io::coco_lists::all;
  std::vector<std::shared_ptr<io::coco_instances>> files;
  for (coco_source const& s : sources) {
    all += (all.empty() ? "" : ", ") + s.file.string();
    splits += (splits.empty() ? "" : ", ") + s.split;
    auto const warn = [&](std::string const& text) {
      if (options.warn) options.warn((options.name.empty() ? s.split : options.name) + ": " + text);
    };
    auto file = std::make_shared<io::coco_instances>(io::read_coco_instances(s.file, warn, lists));
    if (auto const turned = detail::with_slashes(s, *file); turned.count)
      warn(turned.sentence("image's file_name has backslashes, which are read as slashes",
                           "images' file_names have backslashes, which are read as slashes"));
    std::sort(file->categories.begin(), file->categories.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    files.push_back(std::move(file));
  }
  options.more_classes = options.classes.empty() && !folders.empty();
  if (options.classes.empty())
    for (auto const& file : files)
      for (auto const& c : file->categories)
        if (std::find(options.classes.begin(), options.classes.end(), c.name) == options.classes.end()) options.classes.push_back(c.name);
  voc_listing listing = detail::list_voc(folders, options);
  bool const joined = sources.size() + folders.size() > 1;
  auto whole = std::make_shared<io::coco_instances>();
  std::vector<detail::coco_numbers> numbers(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    std::size_t const before = listing.images.size();
    detail::list_coco(sources[i], *files[i], listing);
    if (joined) {
      numbers[i] = detail::join_coco(*whole, *files[i]);
      for (std::size_t k = before; k < listing.images.size(); ++k) listing.images[k].number = numbers[i].at(listing.images[k].number);
    }
    listing.notes.push_back(sources[i].file.string() + ": categories and their labels: " + detail::mapping_of(*files[i], options.classes));
  }
  auto data = read_listed(std::move(listing), all, splits, options);
  for (std::size_t i = 0; i < sources.size(); ++i) detail::check_corners(sources[i].file.string(), *files[i], numbers[i], data);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    coco_part part{sources[i].file, files[i]->categories, !joined, {}};
    for (auto const& [id, number] : numbers[i]) part.id_of_number.emplace(number, id);
    data.coco_parts.push_back(std::move(part));
  }
  if (folders.empty()) data.coco = joined ? std::move(whole) : files.front();
  return data;
}

inline dataset read_coco(std::vector<coco_source> const& sources, voc_options const& options = {}) {
  if (sources.empty()) throw error("data", "at least one file of COCO's", "none");
  return read_joined({}, sources, options);
}

// A data set as a COCO file says it: image ids and annotation ids from 1, categories 1..K in the order of the labels; file_name: the
// image's path relative to `images`. A difficult object is one with "ignore". What a COCO file says beyond a data set (its ids, areas, crowds,
// outlines) is not in it.
inline io::coco_instances coco_of(dataset const& data, std::filesystem::path const& images) {
  io::coco_instances file;
  for (std::size_t k = 0; k < data.classes.size(); ++k) file.categories.push_back({static_cast<std::int64_t>(k + 1), data.classes[k]});
  for (std::size_t i = 0; i < data.size(); ++i) {
    sample const& s = data.samples[i];
    auto const id = static_cast<std::int64_t>(i + 1);
    file.images.push_back({id, s.width, s.height, path_from(images, s.image).generic_string()});
    for (object const& o : s.objects) {
      auto const b = o.where.as<double>();
      io::coco_box const where{b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1};
      auto const number = static_cast<std::int64_t>(file.annotations.size() + 1);
      file.annotations.push_back({number, id, o.label, where, where.area(), false, o.difficult});
    }
  }
  return file;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
