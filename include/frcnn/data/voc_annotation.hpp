#pragma once
// One annotation file of PASCAL VOC, as it was written: nothing clipped, dropped or converted yet.
//
// An object is its <name>, its flags, and its own <bndbox>, not the ones of its <part>s. Fractions are numbers too. <filename> is not read.
// XML is taken as it stands: no DTD and no external entity is fetched.
//
// Throws frcnn::error with the file, and the line or the object: "a.xml, object 2: expected a number in <xmin>, found 'left'".
#include "frcnn/core/error.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/io/atomic_file.hpp"

#include <pugixml.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>

namespace frcnn::inline FRCNN_ABI::data {

struct voc_object {
  std::string name;
  bool difficult = false, truncated = false;
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;  // 1-based and inclusive
};

struct voc_annotation {
  std::optional<std::array<double, 2>> size;  // width, height as claimed
  std::vector<voc_object> objects;
};

namespace detail {

// The number in a child element.
inline double number_in(pugi::xml_node parent, char const* child, std::string const& where) {
  pugi::xml_node const node = parent.child(child);
  if (!node) throw error(where, std::string("a <") + child + ">", "none");
  std::string_view const text = trimmed(node.text().get());
  std::string_view const digits = text.substr(0, 1) == "+" && text.substr(0, 2) != "+-" ? text.substr(1) : text;
  double value = 0;
  auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value))
    throw error(where, std::string("a number in <") + child + ">", "'" + std::string(text) + "'");
  return value;
}

inline bool flag_in(pugi::xml_node parent, char const* child) {
  std::string const text = lower(std::string(trimmed(parent.child(child).text().get())));
  return text == "1" || text == "true" || text == "yes";
}

}  // namespace detail

inline voc_annotation read_voc_annotation(std::filesystem::path const& path) {
  std::string const text = io::read_file(path);
  pugi::xml_document document;
  pugi::xml_parse_result const parsed = document.load_buffer(text.data(), text.size());
  if (!parsed) {
    auto const line = 1 + std::count(text.begin(), text.begin() + std::min<std::ptrdiff_t>(parsed.offset, std::ssize(text)), '\n');
    throw error(path.string() + ":" + std::to_string(line), "well-formed XML", "a fault (" + lower(parsed.description()) + ")");
  }
  pugi::xml_node const root = document.child("annotation");
  if (!root) throw error(path.string(), "an <annotation>", std::string("<") + document.document_element().name() + ">");

  voc_annotation result;
  if (pugi::xml_node const size = root.child("size"); size.child("width") && size.child("height"))
    result.size = {size.child("width").text().as_double(), size.child("height").text().as_double()};
  for (pugi::xml_node const node : root.children("object")) {
    std::string const where = path.string() + ", object " + std::to_string(result.objects.size() + 1);
    voc_object o;
    o.name = trimmed(node.child("name").text().get());
    if (o.name.empty()) throw error(where, "a class <name>", "none");
    o.difficult = detail::flag_in(node, "difficult");
    o.truncated = detail::flag_in(node, "truncated");
    pugi::xml_node const bounds = node.child("bndbox");
    if (!bounds) throw error(where, "a <bndbox>", "none");
    o.xmin = detail::number_in(bounds, "xmin", where);
    o.ymin = detail::number_in(bounds, "ymin", where);
    o.xmax = detail::number_in(bounds, "xmax", where);
    o.ymax = detail::number_in(bounds, "ymax", where);
    result.objects.push_back(std::move(o));
  }
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data
