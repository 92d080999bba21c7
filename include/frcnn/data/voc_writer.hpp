#pragma once
// A data set as a folder in VOC layout: the folder is there whole, or not at all.
//
//   ROOT/JPEGImages/<id>.<ext>   copies       ROOT/Annotations/<id>.xml       ROOT/ImageSets/Main/<split>.txt, in the order of the data set
//
// Boxes are written as VOC counts: from 1, inclusive; a fraction with as many digits as give it back. Throws where ROOT holds something, an
// id is there twice, or cannot be a line of a list, an image's name ends as none that read_voc finds, and for names that XML cannot hold: before
// anything is copied.
// Invariant: read_voc reads the same data set back; the order of labels is that of the names then, unless classes are given.
#include "frcnn/core/message.hpp"
#include "frcnn/core/utf8.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/look_alike.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/io/new_folder.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Whether XML can hold a text and gives it back: UTF-8 without control characters and line ends (XML 1.0, sections 2.2 and 2.11).
inline bool fits_xml(std::string_view text) {
  return fault_in_utf8(text) == text.npos && std::ranges::none_of(text, [](unsigned char c) { return c < 32 && c != '\t'; }) &&
         text.find("\xEF\xBF\xBE") == text.npos && text.find("\xEF\xBF\xBF") == text.npos;
}

namespace detail {

inline std::string in_xml(std::string_view text) {
  std::string escaped;
  for (char const c : text)
    if (c == '&') escaped += "&amp;";
    else if (c == '<') escaped += "&lt;";
    else if (c == '>') escaped += "&gt;";
    else escaped += c;
  return escaped;
}

inline void check_fits_xml(std::string const& where, std::string_view text) {
  if (!fits_xml(text)) throw error(where, "names that XML can hold, in UTF-8 and without control characters", excerpt(text, 255));
}

}  // namespace detail

// The text of an annotation of the image `file`, as labelImg and VOC's tools read it. folder: said as well where it is not empty.
inline std::string annotation_text(sample const& s, std::string const& file, std::string const& folder = {}, int channels = 3) {
  auto const tag = [](std::string const& name, std::string const& value) { return "<" + name + ">" + value + "</" + name + ">"; };
  auto const number = [](double v) {
    char digits[400];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::fixed).ptr);
  };
  for (std::string const& text : {file, folder}) detail::check_fits_xml(file, text);
  for (object const& o : s.objects) detail::check_fits_xml(file, o.name);
  std::string xml = "<annotation>\n  " + (folder.empty() ? "" : tag("folder", detail::in_xml(folder)) + "\n  ") +
                    tag("filename", detail::in_xml(file)) + "\n  " +
                    tag("size", tag("width", std::to_string(s.width)) + tag("height", std::to_string(s.height)) +
                                    tag("depth", std::to_string(channels))) +
                    "\n";
  for (object const& o : s.objects)
    xml += "  <object>\n    " + tag("name", detail::in_xml(o.name)) + "\n    " + tag("truncated", o.truncated ? "1" : "0") + "\n    " +
           tag("difficult", o.difficult ? "1" : "0") + "\n    " +
           tag("bndbox", tag("xmin", number(o.where.x1 + 1.)) + tag("ymin", number(o.where.y1 + 1.)) + tag("xmax", number(o.where.x2)) +
                             tag("ymax", number(o.where.y2))) +
           "\n  </object>\n";
  return xml + "</annotation>\n";
}

// Throws error for a name that no list below ImageSets/Main can have. where: who said it.
inline void check_list_name(std::string const& where, std::string const& name) {
  if (name.empty() || name.find('/') != name.npos || lower(name).ends_with(".txt"))
    throw error(where, "the name of a list, without folder and ending", excerpt(name));
}

// split: name of the list. done(n): images that are copied; it may throw.
inline void write_voc(std::filesystem::path out, std::string const& split, dataset const& data,
                      std::function<void(std::size_t)> const& done = {}) {
  namespace fs = std::filesystem;
  check_list_name(out.string(), split);
  auto const endings = image_extensions();
  std::set<std::string> seen;
  for (sample const& s : data.samples) {
    if (!seen.insert(s.id).second) throw error(s.image.string(), "image ids that differ", excerpt(s.id, 255) + " twice");
    if (s.id.find_first_of("\r\n") != s.id.npos || s.id != trimmed(s.id))
      throw error(s.image.string(), "an id that a line of a list can hold", "'" + with_visible_escapes(s.id) + "'");
    if (auto const own = s.image.extension().string(); std::find(endings.begin(), endings.end(), lower(own)) == endings.end())
      throw error(s.image.string(), "a name that ends as images in VOC layout do: " + first_of(endings, endings.size(), std::identity()),
                  own.empty() ? "one without an ending" : excerpt(own));
    if (s.annotated) detail::check_fits_xml(s.image.string(), s.id + s.image.extension().string());
    for (object const& o : s.objects) detail::check_fits_xml(s.image.string(), o.name);
  }
  io::write_new_folder(std::move(out), {"JPEGImages", "Annotations", "ImageSets/Main"}, [&](fs::path const& beside) {
    std::string list;
    std::size_t copied = 0;
    for (sample const& s : data.samples) {
      std::string const file = s.id + s.image.extension().string();
      auto const image = beside / "JPEGImages" / file, annotation = beside / "Annotations" / (s.id + ".xml");
      std::error_code problem;
      for (auto const& path : {image, annotation})
        if (!problem) fs::create_directories(path.parent_path(), problem);
      if (!problem) fs::copy_file(s.image, image, problem);
      if (problem) throw error(image.string(), "a copy of " + s.image.string(), excerpt(problem.message()));
      if (s.annotated) io::write_new_file(annotation, annotation_text(s, file, {}, data.layout.channels));
      list += s.id + "\n";
      if (done) done(++copied);
    }
    io::write_new_file(beside / "ImageSets/Main" / (split + ".txt"), list);
  });
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
