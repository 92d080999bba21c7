#pragma once
// COCO's JSON: instances (images, categories, annotated objects) and results, read in one pass and written.
//
//   read_coco_instances(path, warn)     {"images": [..], "categories": [..], "annotations": [..]}, in any order; what else is there is passed over
//   read_coco_results(path)             [{"image_id": 1, "category_id": 2, "bbox": [x, y, w, h], "score": .9}, ..]; an empty list is one
//   write_coco_instances(path, instances), write_coco_results(path, results)   every number reads back as it was; the file is whole or not there
//   write_coco_stats(path, stats)       {"stats": [..]}
//
// 1. an annotation has an id, an image, a category and a box. Without "area" it is that of its outline, or of its box; without "iscrowd" it is
//    no crowd; without "bbox" the box is that of its outline (io/coco_outline.hpp). Each is counted, and told once to `warn`
// 2. refused: an id that is there twice, an annotation of an image or a category that is not there, two categories of one name, boxes of
//    which most reach over the border of their image and would not if they were corners, JSON that ends early (with its byte)
// 3. told to `warn`: annotation id 0, which pycocotools takes for "found nothing"
// The whole text is in memory while it is read, and the places of its brackets and commas; nothing more than the records stays.
// Errors name the file and the element: "dt.json, result 17: expected a score, found none".
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/coco_outline.hpp"
#include "frcnn/io/coco_records.hpp"
#include "frcnn/io/read_file.hpp"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

// A file's text with the bytes behind it that simdjson may read.
class padded_text {
 public:
  explicit padded_text(std::filesystem::path const& path) {
    descriptor const file = open_to_read(path);
    struct stat about;
    if (::fstat(file.get(), &about) != 0) throw_read_error(path, errno);
    if (S_ISREG(about.st_mode)) {
      allocate(static_cast<std::size_t>(about.st_size));
      read_at(file, 0, size_, bytes_.get(), path.string());
    } else {
      std::string const text = read_file(path);
      allocate(text.size());
      std::memcpy(bytes_.get(), text.data(), size_);
    }
    if (size_ >= 0xFFFFFFFF) throw error(path.string(), "a file of less than 4 GiB", std::to_string(size_ >> 30) + " GiB");
    if (std::string_view(bytes_.get(), size_).starts_with("\xEF\xBB\xBF")) begin_ = 3;
  }
  explicit padded_text(std::string_view text) {
    allocate(text.size());
    std::memcpy(bytes_.get(), text.data(), size_);
  }
  simdjson::padded_string_view view() const {
    return simdjson::padded_string_view(bytes_.get() + begin_, size_ - begin_, size_ - begin_ + simdjson::SIMDJSON_PADDING);
  }
  std::size_t size() const { return size_; }
  std::size_t byte_of(char const* place) const { return static_cast<std::size_t>(place - bytes_.get()); }

 private:
  void allocate(std::size_t n) {
    size_ = n;
    bytes_ = std::make_unique_for_overwrite<char[]>(n + simdjson::SIMDJSON_PADDING);
    std::memset(bytes_.get() + n, 0, simdjson::SIMDJSON_PADDING);
  }
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, begin_ = 0;
};

using json_value = simdjson::ondemand::value;

// Reads one file. What is read at the moment is in `element_`, for messages.
class coco_reader {
 public:
  explicit coco_reader(std::filesystem::path const& path) : path_(path.string()), text_(path) {}

  // read(document): whatever simdjson refuses is thrown as an error of ours.
  template <class F>
  void parse(F const& read) {
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    bool begun = false;  // simdjson's document cannot say where it stands before
    try {
      document = parser.iterate(text_.view());
      begun = true;
      read(document);
      char const* more = nullptr;
      if (!document.current_location().get(more)) refuse("nothing behind the end of the JSON", "more" + byte_in(document));
    } catch (simdjson::simdjson_error const& e) {
      if (e.error() == simdjson::EMPTY) refuse("JSON as COCO has it", "an empty file");
      if (e.error() == simdjson::INCOMPLETE_ARRAY_OR_OBJECT || e.error() == simdjson::UNCLOSED_STRING)
        refuse("JSON as COCO has it", "its end missing at byte " + std::to_string(text_.size()));
      refuse("JSON as COCO has it",
             "a mistake" + (begun ? byte_in(document) : std::string()) + " (" + simdjson::error_message(e.error()) + ")");
    }
  }

  // f(key, value) for each member of an element of a list.
  template <class F>
  void members(json_value element, char const* what, std::size_t index, F const& f) {
    what_ = what, index_ = index, inside_ = true;
    simdjson::ondemand::object object;
    if (element.get_object().get(object)) refuse("an object {..}", "something else");
    for (auto member : object) {
      simdjson::ondemand::raw_json_string const key = member.key();
      f(key, member.value());
    }
  }
  void leave() { inside_ = false; }

  std::int64_t id(json_value v, char const* key) const {
    std::int64_t whole;
    if (!v.get_int64().get(whole)) return whole;
    double value;
    if (v.get_double().get(value) || !(std::abs(value) < 9e15) || value != std::floor(value))
      refuse(std::string("a whole number in \"") + key + '"', "something else");
    return static_cast<std::int64_t>(value);
  }
  double number(json_value v, char const* key) const {
    double value;
    if (v.get_double().get(value)) refuse(std::string("a number in \"") + key + '"', "something else");
    return value;
  }
  std::string text(json_value v, char const* key) const {
    std::string_view value;
    if (v.get_string().get(value)) refuse(std::string("text in \"") + key + '"', "something else");
    return std::string(value);
  }
  // 0, 1, true, false, null.
  bool flag(json_value v, char const* key) const {
    bool value;
    if (!v.get_bool().get(value)) return value;
    if (v.is_null()) return false;
    return number(v, key) != 0;
  }
  std::vector<double> numbers(json_value v, char const* key) const {
    simdjson::ondemand::array list;
    if (v.get_array().get(list)) refuse(std::string("a list of numbers in \"") + key + '"', "something else");
    std::vector<double> values;
    for (auto element : list) values.push_back(number(element.value(), key));
    return values;
  }
  coco_box box(json_value v) const {
    double value[4];
    int n = 0;
    simdjson::ondemand::array list;
    if (v.get_array().get(list)) refuse("\"bbox\": [x, y, width, height]", "something else");
    for (auto element : list) {
      if (n == 4) refuse("four numbers in \"bbox\"", "more");
      value[n++] = number(element.value(), "bbox");
    }
    if (n < 4) refuse("four numbers in \"bbox\"", std::to_string(n));
    return {value[0], value[1], value[2], value[3]};
  }

  [[noreturn]] void refuse(std::string expected, std::string found) const { throw error(here(), std::move(expected), std::move(found)); }
  // "dt.json, result 17"
  std::string here() const { return inside_ ? path_ + ", " + what_ + ' ' + std::to_string(index_) : path_; }
  std::string const& path() const { return path_; }

 private:
  std::string byte_in(simdjson::ondemand::document& document) const {
    char const* place = nullptr;
    if (document.current_location().get(place)) return " at byte " + std::to_string(text_.size());
    return " at byte " + std::to_string(text_.byte_of(place));
  }

  std::string path_;
  padded_text text_;
  char const* what_ = "";
  std::size_t index_ = 0;
  bool inside_ = false;
};

// The outline of an annotation's "segmentation", of which this is the text; nothing where it has none that can be understood.
inline std::optional<coco_outline> outline_of_json(std::string_view json) {
  if (json.empty()) return {};
  padded_text const text(json);
  simdjson::ondemand::parser parser;
  try {
    auto document = parser.iterate(text.view());
    if (json.front() == '[') {
      std::vector<std::vector<double>> polygons;
      for (auto polygon : document.get_array()) {
        polygons.emplace_back();
        for (double const v : polygon.get_array()) polygons.back().push_back(v);
      }
      return outline_of_polygons(polygons);
    }
    std::vector<std::int64_t> runs, size;
    for (std::int64_t const v : document["size"].get_array()) size.push_back(v);
    if (size.size() != 2) return {};
    auto counts = document["counts"];
    if (counts.type() == simdjson::ondemand::json_type::string) {
      auto const read = runs_of_text(counts.get_string());
      if (!read) return {};
      runs = *read;
    } else {
      for (std::int64_t const v : counts.get_array()) runs.push_back(v);
    }
    return outline_of_runs(runs, size[1], size[0]);
  } catch (simdjson::simdjson_error const&) {
    return {};
  }
}

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

}  // namespace detail

inline std::vector<coco_result> read_coco_results(std::filesystem::path const& path) {
  detail::coco_reader reader(path);
  std::vector<coco_result> results;
  reader.parse([&](simdjson::ondemand::document& document) {
    if (document.type() != simdjson::ondemand::json_type::array) reader.refuse("a list of results [{\"image_id\": ..}, ..]", "none");
    for (auto element : document.get_array()) {
      coco_result r;
      unsigned seen = 0;
      reader.members(element.value(), "result", results.size(), [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
        if (key == "image_id") r.image = reader.id(v, "image_id"), seen |= 1;
        else if (key == "category_id") r.category = reader.id(v, "category_id"), seen |= 2;
        else if (key == "bbox") r.where = reader.box(v), seen |= 4;
        else if (key == "score") r.score = reader.number(v, "score"), seen |= 8;
      });
      if (seen != 15)
        reader.refuse("\"image_id\", \"category_id\", \"bbox\" and \"score\"", std::string("no \"") +
                                                                                   (!(seen & 1)   ? "image_id"
                                                                                    : !(seen & 2) ? "category_id"
                                                                                    : !(seen & 4) ? "bbox"
                                                                                                  : "score") +
                                                                                   '"');
      results.push_back(r);
    }
    reader.leave();
  });
  return results;
}

inline coco_instances read_coco_instances(std::filesystem::path const& path, std::function<void(std::string const&)> const& warn = {}) {
  detail::coco_reader reader(path);
  coco_instances file;
  detail::coco_cases no_area, no_crowd, no_box, id_0;
  unsigned lists = 0;
  reader.parse([&](simdjson::ondemand::document& document) {
    if (document.type() != simdjson::ondemand::json_type::object)
      reader.refuse("an object with \"images\", \"categories\" and \"annotations\"", "none (a list, as results are?)");
    for (auto list : document.get_object()) {
      simdjson::ondemand::raw_json_string const name = list.key();
      if (name == "images") {
        lists |= 1;
        for (auto element : list.value().get_array()) {
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
        lists |= 2;
        for (auto element : list.value().get_array()) {
          coco_category c;
          unsigned seen = 0;
          reader.members(element.value(), "category", file.categories.size(),
                         [&](simdjson::ondemand::raw_json_string key, detail::json_value v) {
                           if (key == "id") c.id = reader.id(v, "id"), seen |= 1;
                           else if (key == "name") c.name = reader.text(v, "name"), seen |= 2;
                         });
          if (seen != 3) reader.refuse("\"id\" and \"name\"", seen & 1 ? "no \"name\"" : "no \"id\"");
          file.categories.push_back(std::move(c));
        }
      } else if (name == "annotations") {
        lists |= 4;
        for (auto element : list.value().get_array()) {
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
          if (a.id == 0) id_0.add(reader.here());
          file.annotations.push_back(a);
        }
      }
      reader.leave();
    }
  });
  if (lists != 7)
    reader.refuse("\"images\", \"categories\" and \"annotations\"", std::string("no \"") +
                                                                        (!(lists & 1)   ? "images"
                                                                         : !(lists & 2) ? "categories"
                                                                                        : "annotations") +
                                                                        '"');

  // 2.
  auto const image_at = detail::index_of_ids(reader.path(), "image", file.images);
  auto const category_at = detail::index_of_ids(reader.path(), "category", file.categories);
  detail::index_of_ids(reader.path(), "annotation", file.annotations);
  std::unordered_set<std::string> names;
  for (auto const& c : file.categories)
    if (!names.insert(c.name).second) throw error(reader.path(), "categories whose names differ", "'" + c.name + "' twice");
  std::size_t judged = 0, as_corners = 0;
  std::string first;
  for (std::size_t i = 0; i < file.annotations.size(); ++i) {
    auto const& a = file.annotations[i];
    auto const here = [&] { return reader.path() + ", annotation " + std::to_string(i) + " (id " + std::to_string(a.id) + ')'; };
    auto const found = image_at.find(a.image);
    if (found == image_at.end()) throw error(here(), "the id of an image of the file", std::to_string(a.image));
    if (!category_at.contains(a.category)) throw error(here(), "the id of a category of the file", std::to_string(a.category));
    auto const& im = file.images[found->second];
    if (im.width == 0 || im.height == 0) continue;
    ++judged;
    auto const& b = a.where;
    if ((b.x + b.w > im.width + 1 || b.y + b.h > im.height + 1) && b.w > b.x && b.h > b.y && b.w <= im.width + 1 && b.h <= im.height + 1)
      if (as_corners++ == 0) first = here();
  }
  if (judged > 1 && 2 * as_corners > judged)
    throw error(first, "boxes as x, y, width, height",
                std::to_string(as_corners) + " of " + std::to_string(judged) +
                    " boxes that reach over the border of their image, and would not as corners x1, y1, x2, y2");
  no_box.tell(warn, "annotation has no box: it is that of its outline", "annotations have no box: it is that of their outlines");
  no_area.tell(warn, "annotation has no area: it is that of its outline or its box",
               "annotations have no area: it is that of their outlines or their boxes");
  no_crowd.tell(warn, "annotation does not say whether it is a crowd, and counts as none",
                "annotations do not say whether they are crowds, and count as none");
  id_0.tell(warn, "annotation has the id 0, whose object pycocotools counts as never found",
            "annotations have the id 0, whose objects pycocotools counts as never found");
  return file;
}

namespace detail {

inline void append_json(std::string& text, double value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}
inline void append_json(std::string& text, std::int64_t value) { text += std::to_string(value); }
inline void append_json(std::string& text, coco_box const& b) {
  char const* between = "[";
  for (double const v : {b.x, b.y, b.w, b.h}) text += std::exchange(between, ", "), append_json(text, v);
  text += ']';
}
inline void append_json(std::string& text, std::string_view value) {
  text += '"';
  for (char const c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      text += c;
      continue;
    }
    constexpr char hex[] = "0123456789abcdef";
    text += "\\u00";
    text += hex[c >> 4];
    text += hex[c & 15];
  }
  text += '"';
}

// Writes a list, an element a line; one(text, element) appends it.
template <class List, class F>
void write_json_list(atomic_file& file, List const& list, F const& one) {
  std::string text = "[";
  char const* between = "\n";
  for (auto const& element : list) {
    text += std::exchange(between, ",\n");
    one(text, element);
    if (text.size() < 1 << 16) continue;
    file.write(text.data(), text.size());
    text.clear();
  }
  text += "\n]";
  file.write(text.data(), text.size());
}

}  // namespace detail

// Throws for numbers that are not finite.
inline void write_coco_results(std::filesystem::path const& path, std::span<coco_result const> results) {
  atomic_file file(path);
  detail::write_json_list(file, results, [&](std::string& text, coco_result const& r) {
    if (!is_finite(r.score) || !is_finite(r.where.x) || !is_finite(r.where.y) || !is_finite(r.where.w) || !is_finite(r.where.h))
      throw error(path.string() + ", a result of image " + std::to_string(r.image), "finite numbers", "NaN or infinity");
    text += "{\"image_id\": ", detail::append_json(text, r.image);
    text += ", \"category_id\": ", detail::append_json(text, r.category);
    text += ", \"bbox\": ", detail::append_json(text, r.where);
    text += ", \"score\": ", detail::append_json(text, r.score);
    text += '}';
  });
  file.write("\n", 1);
  file.commit();
}

// Outlines are not kept, and not written.
inline void write_coco_instances(std::filesystem::path const& path, coco_instances const& instances) {
  atomic_file file(path);
  auto const text_of = [&](std::string_view text) { file.write(text.data(), text.size()); };
  text_of("{\"images\": ");
  detail::write_json_list(file, instances.images, [](std::string& text, coco_image const& im) {
    text += "{\"id\": ", detail::append_json(text, im.id);
    text += ", \"width\": ", detail::append_json(text, std::int64_t{im.width});
    text += ", \"height\": ", detail::append_json(text, std::int64_t{im.height});
    text += ", \"file_name\": ", detail::append_json(text, std::string_view(im.file_name));
    text += '}';
  });
  text_of(",\n\"categories\": ");
  detail::write_json_list(file, instances.categories, [](std::string& text, coco_category const& c) {
    text += "{\"id\": ", detail::append_json(text, c.id);
    text += ", \"name\": ", detail::append_json(text, std::string_view(c.name));
    text += '}';
  });
  text_of(",\n\"annotations\": ");
  detail::write_json_list(file, instances.annotations, [](std::string& text, coco_annotation const& a) {
    text += "{\"id\": ", detail::append_json(text, a.id);
    text += ", \"image_id\": ", detail::append_json(text, a.image);
    text += ", \"category_id\": ", detail::append_json(text, a.category);
    text += ", \"bbox\": ", detail::append_json(text, a.where);
    text += ", \"area\": ", detail::append_json(text, a.area);
    text += a.crowd ? ", \"iscrowd\": 1" : ", \"iscrowd\": 0";
    if (a.ignored) text += ", \"ignore\": 1";
    text += '}';
  });
  text_of("}\n");
  file.commit();
}

// {"stats": [..]}, in full precision.
inline void write_coco_stats(std::filesystem::path const& path, std::span<double const> stats) {
  std::string text = "{\"stats\": [";
  char const* between = "";
  for (double const v : stats) text += std::exchange(between, ", "), detail::append_json(text, v);
  write_file_atomically(path, text + "]}\n");
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
