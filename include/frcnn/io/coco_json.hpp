#pragma once
// COCO's JSON: instances (images, categories, annotated objects) and results, read in one pass and written.
//
//   read_coco_instances(path, warn, lists)   {"images": [..], "categories": [..], "annotations": [..]}, in any order; what else is there is
//                                       passed over. "annotations" may be absent where lists says so
//   read_coco_results(path, warn)       [{"image_id": 1, "category_id": 2, "bbox": [x, y, w, h], "score": .9}, ..]; an empty list is one
//   write_coco_instances(path, instances), write_coco_results(path, results)   every number reads back as it was; the file is whole or not there
//   write_coco_stats(path, stats)       {"stats": [..]}
//
// 1. an annotation has an id, an image, a category and a box. Without "area" it is that of its outline, or of its box; without "iscrowd" it is
//    no crowd; without "bbox" the box is that of its outline (io/coco_outline.hpp). null counts as not there. Each is counted, and told once
//    to `warn`
// 2. refused: an id or a list that is there twice, an annotation of an image or a category that is not there, two categories of one name, boxes of
//    which most reach over the border of their image and would not if they were corners (where the file does not say how large an image is,
//    data/coco.hpp asks the same of the image), a box that CVAT has turned, JSON that ends early (with its byte)
// 3. a category that is only the supercategory of others, as Roboflow's first one, is left out, and told
// 4. told to `warn`: annotation id 0, which pycocotools takes for "found nothing"; a negative width or height, of results too, which stays
// The whole text is in memory while it is read, and the places of its brackets and commas; nothing more than the records stays.
// Errors name the file and the element: "dt.json, result 17: expected a score, found none".
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/io/coco_parser.hpp"
#include "frcnn/io/coco_records.hpp"
#include "frcnn/io/coco_writer.hpp"

#include <functional>
#include <unordered_map>
#include <unordered_set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

// Counts cases; told once, with the first.
struct coco_cases {
  std::size_t count = 0;
  std::string first;
  void add(std::string const& example) {
    if (count++ == 0) first = example;
  }
  void tell(std::function<void(std::string const&)> const& warn, char const* one, char const* many) const {
    if (warn && count) warn(std::to_string(count) + ' ' + (count == 1 ? one : many) + "; the first: " + first);
  }
};

// Throws where an id is there twice.
template <class Record>
std::unordered_map<std::int64_t, std::size_t> index_of_ids(std::string const& path, char const* what, std::vector<Record> const& records) {
  std::unordered_map<std::int64_t, std::size_t> index;
  index.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i)
    if (!index.emplace(records[i].id, i).second)
      throw error(path + ", " + what + ' ' + std::to_string(i), "an id of its own", std::to_string(records[i].id) + " once more");
  return index;
}

inline bool is_negative(coco_box const& b) { return b.w < 0 || b.h < 0; }

// Boxes of a file in images of known size: refused where most reach over the border, and would not if they were corners.
struct coco_corners {
  std::size_t judged = 0, as_corners = 0;
  std::string first;
  // here(): the annotation, for messages.
  template <class Here>
  void add(coco_box const& b, int width, int height, Here const& here) {
    ++judged;
    if (looks_like_corners(b, width, height) && as_corners++ == 0) first = here();
  }
  void check() const {
    if (judged > 1 && 2 * as_corners > judged)
      throw error(first, "boxes as x, y, width, height",
                  std::to_string(as_corners) + " of " + std::to_string(judged) +
                      " boxes that reach over the border of their image, and would not as corners x1, y1, x2, y2");
  }
};

// Roboflow puts a category in front that all others name as their supercategory ("none" is its own) and that no object has. It is left out:
// it may have a class's name.
inline coco_cases leave_out_root(coco_instances& file, std::vector<std::string> const& above) {
  std::unordered_set<std::int64_t> roots;
  for (std::size_t i = 0; i < above.size(); ++i) {
    auto const& c = file.categories[i];
    bool const is_top = above[i].empty() || above[i] == "none";
    if (is_top && std::find(above.begin(), above.end(), c.name) != above.end()) roots.insert(c.id);
  }
  if (!roots.empty())
    for (auto const& a : file.annotations) roots.erase(a.category);
  coco_cases left_out;
  std::erase_if(file.categories, [&](coco_category const& c) {
    if (!roots.contains(c.id)) return false;
    left_out.add("'" + c.name + "' (id " + std::to_string(c.id) + ')');
    return true;
  });
  return left_out;
}

// "a.json, annotation 5 (id 17)"
inline std::string place_of(std::string const& path, std::size_t index, coco_annotation const& a) {
  return path + ", annotation " + std::to_string(index) + " (id " + std::to_string(a.id) + ')';
}

}  // namespace detail

inline std::vector<coco_result> read_coco_results(std::filesystem::path const& path,
                                                  std::function<void(std::string const&)> const& warn = {}) {
  detail::coco_reader reader(path);
  std::vector<coco_result> results;
  detail::coco_cases negative;
  reader.parse([&](simdjson::ondemand::document& document) {
    if (document.type() != simdjson::ondemand::json_type::array)
      reader.refuse("a list of results [{\"image_id\": ..}, ..]", "an object {..}, as a file of annotations is");
    for (auto element : document.get_array()) {
      coco_result r;
      unsigned seen = 0;
      reader.members(element.value(), "result", results.size(), [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
        if (key == "image_id") r.image = reader.id(v, "image_id"), seen |= 1;
        else if (key == "category_id") r.category = reader.id(v, "category_id"), seen |= 2;
        else if (key == "bbox") r.where = reader.box(v), seen |= 4;
        else if (key == "score") r.score = reader.number(v, "score"), seen |= 8;
        else if (key == "detections") seen |= 16;
      });
      if (seen == 16)
        reader.refuse("results as COCO has them",
                      "what detect --json writes (evaluate --model finds and judges; train_voc writes results)");
      seen &= 15;
      if (seen != 15)
        reader.refuse("\"image_id\", \"category_id\", \"bbox\" and \"score\"", std::string("no \"") +
                                                                                   (!(seen & 1)   ? "image_id"
                                                                                    : !(seen & 2) ? "category_id"
                                                                                    : !(seen & 4) ? "bbox"
                                                                                                  : "score") +
                                                                                   '"');
      if (detail::is_negative(r.where)) negative.add(reader.here());
      results.push_back(r);
    }
    reader.leave();
  });
  negative.tell(warn, "result has a box of negative width or height, which is judged as it stands, as pycocotools does",
                "results have boxes of negative width or height, which are judged as they stand, as pycocotools does");
  return results;
}

enum class coco_lists : std::uint8_t { all, annotations_if_there };

inline coco_instances read_coco_instances(std::filesystem::path const& path, std::function<void(std::string const&)> const& warn = {},
                                          coco_lists wanted = coco_lists::all) {
  detail::coco_reader reader(path);
  coco_instances file;
  std::vector<std::string> above;  // the supercategory of each category
  detail::coco_cases no_area, no_crowd, no_box, negative, id_0;
  unsigned lists = 0;
  reader.parse([&](simdjson::ondemand::document& document) {
    if (document.type() != simdjson::ondemand::json_type::object)
      reader.refuse("an object with \"images\", \"categories\" and \"annotations\"", "none (a list, as results are?)");
    for (auto list : document.get_object()) {
      simdjson::ondemand::raw_json_string const name = list.key();
      detail::json_value value = list.value();
      auto const elements = [&](char const* of) {
        if (value.type() != simdjson::ondemand::json_type::array)
          reader.refuse(std::string("a list in \"") + of + '"', reader.in_words(value));
        return value.get_array();
      };
      if (value.is_null()) continue;
      auto const begin = [&](unsigned list, char const* of) {
        if (lists & list) reader.refuse(std::string("one \"") + of + '"', "several (of which JSON readers keep one)");
        lists |= list;
      };
      if (name == "images") {
        begin(1, "images");
        for (auto element : elements("images")) {
          coco_image im;
          bool named = false;
          reader.members(element.value(), "image", file.images.size(), [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
            auto const side = [&](char const* what) {
              double const value = reader.number(v, what);
              return value > 0 && value < 1 << 30 ? static_cast<int>(value) : 0;
            };
            if (key == "id") im.id = reader.id(v, "id"), named = true;
            else if (key == "width") im.width = side("width");
            else if (key == "height") im.height = side("height");
            else if (key == "file_name") im.file_name = reader.text(v, "file_name");
          });
          if (!named) reader.refuse("an \"id\"", "none");
          file.images.push_back(std::move(im));
        }
      } else if (name == "categories") {
        begin(2, "categories");
        for (auto element : elements("categories")) {
          coco_category c;
          std::string super;
          unsigned seen = 0;
          reader.members(element.value(), "category", file.categories.size(),
                         [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
                           if (key == "id") c.id = reader.id(v, "id"), seen |= 1;
                           else if (key == "name") c.name = reader.text(v, "name"), seen |= 2;
                           else if (key == "supercategory" && v.type() == simdjson::ondemand::json_type::string)
                             super = reader.text(v, "supercategory");
                         });
          if (seen != 3) reader.refuse("\"id\" and \"name\"", seen & 1 ? "no \"name\"" : "no \"id\"");
          if (c.name.find_first_not_of(" \t\r\n") == c.name.npos) reader.refuse("a \"name\"", "an empty one");
          file.categories.push_back(std::move(c));
          above.push_back(std::move(super));
        }
      } else if (name == "annotations") {
        begin(4, "annotations");
        for (auto element : elements("annotations")) {
          coco_annotation a;
          unsigned seen = 0;
          std::string_view outline_text;
          reader.members(element.value(), "annotation", file.annotations.size(),
                         [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
                           if (key == "id") a.id = reader.id(v, "id"), seen |= 1;
                           else if (key == "image_id") a.image = reader.id(v, "image_id"), seen |= 2;
                           else if (key == "category_id") a.category = reader.id(v, "category_id"), seen |= 4;
                           else if (key == "bbox") a.where = reader.box(v), seen |= 8;
                           else if (key == "area") a.area = reader.number(v, "area"), seen |= 16;
                           else if (key == "iscrowd") a.crowd = reader.flag(v, "iscrowd"), seen |= 32;
                           else if (key == "ignore") a.ignored = reader.flag(v, "ignore");
                           else if (key == "attributes") reader.refuse_rotation(v);
                           else if (key == "segments_info")
                             reader.refuse("annotations of objects (instances_*.json)", "panoptic ones (\"segments_info\")");
                           else if (key == "segmentation") {
                             auto const type = v.type().value();
                             if (type == simdjson::ondemand::json_type::array) outline_text = v.get_array().value().raw_json();
                             else if (type == simdjson::ondemand::json_type::object) outline_text = v.get_object().value().raw_json();
                           }
                         });
          if ((seen & 7) != 7)
            reader.refuse("\"id\", \"image_id\" and \"category_id\"", std::string("no \"") +
                                                                          (!(seen & 1)   ? "id"
                                                                           : !(seen & 2) ? "image_id"
                                                                                         : "category_id") +
                                                                          '"');
          if ((seen & 24) != 24) {
            auto const outline = detail::outline_of_json(outline_text);
            if (!(seen & 8)) {
              if (!outline) reader.refuse("\"bbox\", or an outline in \"segmentation\"", "neither");
              a.where = outline->box;
              no_box.add(reader.here());
            }
            if (!(seen & 16)) {
              a.area = outline ? outline->area : a.where.area();
              no_area.add(reader.here());
            }
            if (!is_finite(a.area) || !is_finite(a.where.w) || !is_finite(a.where.h))
              reader.refuse("a box and an area that are finite", "an outline or a box whose size overflows");
          }
          if (!(seen & 32)) no_crowd.add(reader.here());
          if (detail::is_negative(a.where)) negative.add(reader.here());
          if (a.id == 0) id_0.add(reader.here());
          file.annotations.push_back(a);
        }
      }
      reader.leave();
    }
  });
  file.annotated = lists & 4;
  if (lists != 7 && !(lists == 3 && wanted == coco_lists::annotations_if_there))
    reader.refuse("\"images\", \"categories\" and \"annotations\"", std::string("no \"") +
                                                                        (!(lists & 1)   ? "images"
                                                                         : !(lists & 2) ? "categories"
                                                                                        : "annotations") +
                                                                        '"');

  // 2.
  auto const image_at = detail::index_of_ids(reader.path(), "image", file.images);
  auto const category_at = detail::index_of_ids(reader.path(), "category", file.categories);
  detail::index_of_ids(reader.path(), "annotation", file.annotations);
  detail::leave_out_root(file, above)
      .tell(warn, "category is above others and has no object: it is no class",
            "categories are above others and have no objects: they are no classes");
  std::unordered_set<std::string> names;
  for (auto const& c : file.categories)
    if (!names.insert(c.name).second) throw error(reader.path(), "categories whose names differ", "'" + c.name + "' twice");
  detail::coco_corners corners;
  for (std::size_t i = 0; i < file.annotations.size(); ++i) {
    auto const& a = file.annotations[i];
    auto const here = [&] { return detail::place_of(reader.path(), i, a); };
    auto const found = image_at.find(a.image);
    if (found == image_at.end()) throw error(here(), "the id of an image of the file", std::to_string(a.image));
    if (!category_at.contains(a.category)) throw error(here(), "the id of a category of the file", std::to_string(a.category));
    auto const& im = file.images[found->second];
    if (im.width != 0 && im.height != 0) corners.add(a.where, im.width, im.height, here);
  }
  corners.check();
  no_box.tell(warn, "annotation has no box: it is that of its outline", "annotations have no box: it is that of their outlines");
  no_area.tell(warn, "annotation has no area: it is that of its outline or its box",
               "annotations have no area: it is that of their outlines or their boxes");
  no_crowd.tell(warn, "annotation does not say whether it is a crowd, and counts as none",
                "annotations do not say whether they are crowds, and count as none");
  negative.tell(warn, "annotation has a box of negative width or height, which evaluation takes as it stands, as pycocotools does",
                "annotations have boxes of negative width or height, which evaluation takes as they stand, as pycocotools does");
  id_0.tell(warn, "annotation has the id 0, whose object pycocotools counts as never found",
            "annotations have the id 0, whose objects pycocotools counts as never found");
  return file;
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
