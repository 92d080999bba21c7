#pragma once
// The parts of COCO's JSON as values: what simdjson refuses, or finds where something else is expected, is an error that names the file and
// the element.
//
//   detail::coco_reader reader(path);
//   reader.parse([&](simdjson::ondemand::document& document) { for (auto element : document.get_array()) .. });
//   reader.members(element, "result", 17, [&](key, value) { .. reader.id(value, "image_id") .. });
//
// Errors: "dt.json, result 17: expected a number in "score", found the text 'high'". io/coco_json.hpp reads files with it.
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/io/coco_outline.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <memory>

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
      if (about.st_size >= 0xFFFFFFFF)
        throw error(path.string(), "a file of less than 4 GiB", std::to_string(about.st_size >> 30) + " GiB");
      allocate(static_cast<std::size_t>(about.st_size));
      read_at(file, 0, size_, bytes_.get(), path.string());
    } else {
      std::string const text = read_file(path);
      allocate(text.size());
      std::memcpy(bytes_.get(), text.data(), size_);
    }
    std::string_view const begin(bytes_.get(), size_);
    if (begin.starts_with("\xEF\xBB\xBF")) begin_ = 3;
    if (begin.starts_with("\xFF\xFE") || begin.starts_with("\xFE\xFF"))
      throw error(path.string(), "JSON in UTF-8", "UTF-16: save it as UTF-8");
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
      std::string_view const text = text_.view();
      if (auto const first = text.find_first_not_of(" \t\r\n"); first != text.npos && text[first] != '{' && text[first] != '[')
        if (std::string const other = foreign_file(text.substr(0, 512)); !other.empty()) refuse("JSON as COCO has it", other);
      if (e.error() == simdjson::EMPTY) refuse("JSON as COCO has it", "an empty file");
      if (e.error() == simdjson::INCOMPLETE_ARRAY_OR_OBJECT || e.error() == simdjson::UNCLOSED_STRING)
        refuse("JSON as COCO has it", "its end missing at byte " + std::to_string(text_.size()));
      refuse("JSON as COCO has it",
             "a mistake" + (begun ? byte_in(document) : std::string()) + " (" + simdjson::error_message(e.error()) + ")");
    }
  }

  // f(key, value) for each member of an element of a list. One that is null is as if it were not there.
  template <class F>
  void members(json_value element, char const* what, std::size_t index, F const& f) {
    what_ = what, index_ = index, inside_ = true;
    simdjson::ondemand::object object;
    if (element.get_object().get(object)) refuse("an object {..}", in_words(element));
    for (auto member : object) {
      simdjson::ondemand::raw_json_string const key = member.key();
      json_value value = member.value();
      if (!value.is_null()) f(key, value);
    }
  }
  void leave() { inside_ = false; }

  std::int64_t id(json_value v, char const* key) const {
    std::int64_t whole;
    if (!v.get_int64().get(whole)) return whole;
    double value;
    bool const is_number = !v.get_double().get(value), is_whole = is_number && value == std::floor(value);
    if (!is_whole || std::abs(value) >= 9e15)
      refuse(std::string("a whole number") + (is_whole ? " of at most 63 bits" : "") + " in \"" + key + '"', in_words(v));
    return static_cast<std::int64_t>(value);
  }
  double number(json_value v, char const* key) const {
    double value;
    if (v.get_double().get(value)) refuse(std::string("a number in \"") + key + '"', in_words(v));
    return value;
  }
  std::string text(json_value v, char const* key) const {
    std::string_view value;
    if (v.get_string().get(value)) refuse(std::string("text in \"") + key + '"', in_words(v));
    return std::string(value);
  }
  // CVAT writes a turned rectangle as an upright "bbox", and its angle among the attributes.
  void refuse_rotation(json_value attributes) const {
    simdjson::ondemand::object object;
    if (attributes.get_object().get(object)) return;
    for (auto member : object) {
      simdjson::ondemand::raw_json_string const key = member.key();
      json_value value = member.value();
      if (key != "rotation" || value.type() != simdjson::ondemand::json_type::number) continue;
      if (double const angle = number(value, "rotation"); angle != 0)
        refuse("an upright \"bbox\" (rotated boxes are not supported)", "a rotation of " + number_text(angle) + " degrees");
    }
  }
  // 0, 1, true, false.
  bool flag(json_value v, char const* key) const {
    bool value;
    if (!v.get_bool().get(value)) return value;
    return number(v, key) != 0;
  }
  coco_box box(json_value v) const {
    double value[4];
    int n = 0;
    simdjson::ondemand::array list;
    if (v.get_array().get(list)) refuse("\"bbox\": [x, y, width, height]", in_words(v));
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
  // What a value is: "a list", "the text 'a1'", or its own letters.
  static std::string in_words(json_value v) {
    std::string_view token = v.raw_json_token();
    token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
    if (token.starts_with('[')) return "a list";
    if (token.starts_with('{')) return "an object";
    if (token.size() > 1 && token.starts_with('"')) return "the text " + excerpt(token.substr(1, token.size() - 2));
    bool const is_none = token == "NaN" || token == "Infinity" || token == "-Infinity";
    return printable(token, 60) + (is_none ? ", which JSON does not have" : "");
  }

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

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
