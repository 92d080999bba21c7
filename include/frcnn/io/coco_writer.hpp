#pragma once
// COCO's JSON, written: results, instances and statistics. Numbers with as many digits as give them back; the file is whole or not there.
//
//   write_coco_results(path, results)      [{"image_id": 1, "category_id": 2, "bbox": [x, y, w, h], "score": 0.9}, ..]
//   write_coco_instances(path, instances)  {"images": [..], "categories": [..], "annotations": [..]}
//   write_coco_stats(path, stats)          {"stats": [..]}
// Throws frcnn::error for numbers that are not finite, and for names that are not UTF-8, which JSON cannot hold.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/core/utf8.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/coco_records.hpp"

#include <span>
#include <string_view>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

inline void append_json(std::string& text, double value) { text += number_text(value); }
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

inline void write_coco_results(std::filesystem::path const& path, std::span<coco_result const> results) {
  atomic_file file(path);
  detail::write_json_list(file, results, [&](std::string& text, coco_result const& r) {
    if (!is_finite(r.score) || !is_finite_box(r.where))
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
  auto const check_name = [&](char const* what, std::int64_t id, std::string const& name) {
    if (fault_in_utf8(name) != name.npos)
      throw error(path.string() + ", " + what + " with id " + std::to_string(id), "a name in UTF-8, as JSON has it", "other bytes");
  };
  text_of("{\"images\": ");
  detail::write_json_list(file, instances.images, [&](std::string& text, coco_image const& im) {
    check_name("the image", im.id, im.file_name);
    text += "{\"id\": ", detail::append_json(text, im.id);
    text += ", \"width\": ", detail::append_json(text, std::int64_t{im.width});
    text += ", \"height\": ", detail::append_json(text, std::int64_t{im.height});
    text += ", \"file_name\": ", detail::append_json(text, std::string_view(im.file_name));
    text += '}';
  });
  text_of(",\n\"categories\": ");
  detail::write_json_list(file, instances.categories, [&](std::string& text, coco_category const& c) {
    check_name("the category", c.id, c.name);
    text += "{\"id\": ", detail::append_json(text, c.id);
    text += ", \"name\": ", detail::append_json(text, std::string_view(c.name));
    text += '}';
  });
  text_of(",\n\"annotations\": ");
  detail::write_json_list(file, instances.annotations, [&](std::string& text, coco_annotation const& a) {
    if (!is_finite(a.area) || !is_finite_box(a.where))
      throw error(path.string() + ", the annotation with id " + std::to_string(a.id), "finite numbers", "NaN or infinity");
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
