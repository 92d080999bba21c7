#pragma once
// One annotation file of PASCAL VOC, as it was written: nothing clipped, dropped or converted yet.
//
// An object is its <name>, its flags, and its own <bndbox>, not the ones of its <part>s. Fractions are numbers too. <filename> is not read.
// An object that is marked as none (<deleted>, <ignore>, <crowd>), which PASCAL VOC does not know, is an object, with the mark's name.
// What would be read in part is refused: an object with two boxes or names, or with two of a flag that differ; a box that is no child of
// <annotation>'s own <object>s; a box that is no upright rectangle. Encodings, references and what is well-formed: xml_file.hpp.
//
// Throws frcnn::error with the file, and the line or the object: "a.xml, object 2: expected a number in <xmin>, found 'left'".
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/data/xml_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct voc_object {
  std::string name;
  bool difficult = false, truncated = false;
  bool unclear = false;                           // its <difficult> is neither 0 nor 1, and counts as 0
  std::string mark{};                             // "deleted", "ignore", "crowd" or "iscrowd", where that element is set; else empty
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;  // 1-based and inclusive
};

struct voc_annotation {
  std::optional<std::array<double, 2>> size;  // width, height as claimed
  std::vector<voc_object> objects;
  std::string doubtful_encoding{};  // the one it declares, where names look as if UTF-8 was meant: they are read as declared
};

namespace detail {

// The child of that name; empty: there is none.
inline pugi::xml_node only_child(pugi::xml_node parent, char const* name, std::string const& where) {
  pugi::xml_node const first = parent.child(name);
  if (first && first.next_sibling(name)) throw error(where, std::string("one <") + name + ">", "several");
  return first;
}

// The child of that name where there are several that say the same.
inline pugi::xml_node agreed_child(xml_file const& file, pugi::xml_node parent, char const* name, std::string const& where) {
  pugi::xml_node const first = parent.child(name);
  for (pugi::xml_node other = first.next_sibling(name); other; other = other.next_sibling(name))
    if (file.text_of(other) != file.text_of(first))
      throw error(where, std::string("one <") + name + ">",
                  "several, " + excerpt(file.text_of(first)) + " and " + excerpt(file.text_of(other)));
  return first;
}

// The number that a text begins with, and what is behind it; NaN where it begins with none.
inline std::pair<double, std::string_view> leading_number(std::string_view text) {
  if (text.substr(0, 1) == "+" && text.substr(0, 2) != "+-") text.remove_prefix(1);
  double value = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{}) return {std::numeric_limits<double>::quiet_NaN(), text};
  return {value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

// The number that the text of an element begins with; 0 where it begins with none.
inline double number_before(xml_file const& file, pugi::xml_node element) {
  std::string const text = file.text_of(element);
  double const value = leading_number(text).first;
  return is_finite(value) ? value : 0;
}

// "<x1>, <y1>": the elements in an element, each name once; "none".
inline std::string children_of(pugi::xml_node parent) {
  std::vector<std::string> names;
  for (pugi::xml_node const child : parent.children())
    if (std::string name = "<" + std::string(child.name()) + ">";
        child.type() == pugi::node_element && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  return names.empty() ? "none" : first_of(names, 10, [](std::string const& name) { return name; });
}

// The number in a child element.
inline double number_in(xml_file const& file, pugi::xml_node parent, char const* child, std::string const& where) {
  pugi::xml_node const node = only_child(parent, child, where);
  if (!node) throw error(where, std::string("a <") + child + ">", children_of(parent));
  std::string const whole = file.text_of(node);
  auto const [value, rest] = leading_number(whole);
  if (!rest.empty() || !is_finite(value)) throw error(where, std::string("a number in <") + child + ">", excerpt(whole));
  return value;
}

// 0, 1 and how converters write them ("True", "1.0"). Nothing: it is anything else. Without the element, or with nothing in it, it is 0.
inline std::optional<bool> flag_in(xml_file const& file, pugi::xml_node parent, char const* child, std::string const& where) {
  std::string const text = lower(file.text_of(agreed_child(file, parent, child, where)));
  for (char const* yes : {"1", "1.0", "true", "yes"})
    if (text == yes) return true;
  for (char const* no : {"", "0", "0.0", "false", "no"})
    if (text == no) return false;
  return {};
}

// A name is one line: a line end within it, with the blanks around it, is one blank.
inline std::string name_in(xml_file const& file, pugi::xml_node object, std::string const& where) {
  pugi::xml_node const node = only_child(object, "name", where);
  for (pugi::xml_node const part : node.children())
    if (part.type() == pugi::node_element) throw error(where, "text in <name>", "<" + std::string(part.name()) + "> there");
  std::string name = file.text_of(node);
  for (std::size_t at; (at = name.find_first_of("\r\n")) != name.npos;) {
    std::size_t const first = name.find_last_not_of(" \t\r\n", at) + 1, behind = name.find_first_not_of(" \t\r\n", at);
    name.replace(first, behind - first, " ");
  }
  if (name.empty()) throw error(where, "a class <name>", "none");
  return name;
}

// The box's element. Shapes that are none are named.
inline pugi::xml_node bounds_in(xml_file const& file, pugi::xml_node object, std::string const& where) {
  constexpr char const* turned = "an upright <bndbox> (rotated boxes and polygons are not supported)";
  pugi::xml_node const bounds = only_child(object, "bndbox", where);
  for (char const* shape :
       {"robndbox", "polygon", "obb", "rotated_box", "rbox", "segmentation", "points", "line", "keypoints", "circle", "ellipse"})
    if (!bounds && object.child(shape)) throw error(where, turned, std::string("<") + shape + ">");
  if (!bounds) throw error(where, "a <bndbox>", "none");
  for (pugi::xml_node a : object.child("attributes").children("attribute"))  // CVAT's rotated rectangles keep the upright one's corners
    if (double const angle = number_before(file, a.child("value")); angle != 0 && file.text_of(a.child("name")) == "rotation")
      throw error(where, turned, "a rotation of " + number_text(angle) + " degrees");
  for (char const* part : {"angle", "theta", "cx", "x3", "x_left_top"})
    if (bounds.child(part) && !bounds.child("xmin")) throw error(where, turned, std::string("<") + part + "> in it");
  return bounds;
}

// Throws for a <bndbox> that nobody would read: anywhere but in an <object> of the root, or in a part of one.
inline void refuse_stray_boxes(xml_file const& file) {
  struct : pugi::xml_tree_walker {
    pugi::xml_node stray, root;
    bool for_each(pugi::xml_node& node) override {
      if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) {  // markup that somebody has escaped
        if (std::string_view(node.value()).find("<bndbox") == std::string_view::npos) return true;
        stray = node;
        return false;
      }
      std::string const name = lower(node.name());
      if (name.substr(name.find(':') + 1) != "bndbox") return true;  // with a namespace's prefix too
      pugi::xml_node above = node.parent();
      bool const own = std::string_view(node.name()) == "bndbox" && std::string_view(above.name()) == "object";
      bool const part = std::string_view(above.name()) != "object" && std::string_view(above.parent().name()) == "object";
      if ((own && above.parent() == root) || (part && above.parent().parent() == root)) return true;
      stray = node;
      return false;
    }
  } walker;
  walker.root = file.root();
  pugi::xml_node root = file.root();
  root.traverse(walker);
  if (walker.stray && walker.stray.type() != pugi::node_element)
    throw error(file.place_of(walker.stray), "every <bndbox> in an <object> of <annotation>", "one in text, in CDATA or behind &lt;");
  if (walker.stray)
    throw error(file.place_of(walker.stray), "every <bndbox> in an <object> of <annotation>",
                "<" + std::string(walker.stray.name()) + "> in <" + walker.stray.parent().name() + "> of <" +
                    walker.stray.parent().parent().name() + ">");
}

inline std::string text_of_size(std::array<double, 2> const& s) { return number_text(s[0]) + " x " + number_text(s[1]); }

// Width and height of <size>, where it has both. Several have to agree: whether the image is turned hangs on them.
inline std::optional<std::array<double, 2>> claimed_size(xml_file const& file) {
  std::optional<std::array<double, 2>> claimed;
  for (pugi::xml_node const size : file.root().children("size")) {
    pugi::xml_node const width = agreed_child(file, size, "width", file.name() + ", <size>"),
                         height = agreed_child(file, size, "height", file.name() + ", <size>");
    if (!width || !height) continue;
    std::array<double, 2> const here{number_before(file, width), number_before(file, height)};
    if (claimed && *claimed != here)
      throw error(file.name(), "one <size>", "several, " + text_of_size(*claimed) + " and " + text_of_size(here));
    claimed = here;
  }
  return claimed;
}

}  // namespace detail

inline voc_annotation read_voc_annotation(std::filesystem::path const& path) {
  xml_file const file(path);
  pugi::xml_node const root = file.root();
  if (std::string_view(root.name()) != "annotation") throw error(path.string(), "an <annotation>", std::string("<") + root.name() + ">");

  voc_annotation result;
  result.size = detail::claimed_size(file);
  for (pugi::xml_node const node : root.children("object")) {
    std::string const where = path.string() + ", object " + std::to_string(result.objects.size() + 1);
    voc_object o;
    o.name = detail::name_in(file, node, where);
    for (char const* unread : {"pose", "occluded"}) detail::agreed_child(file, node, unread, where);  // two objects in one?
    auto const difficult = detail::flag_in(file, node, "difficult", where);
    o.difficult = difficult.value_or(false);
    o.unclear = !difficult;
    o.truncated = detail::flag_in(file, node, "truncated", where).value_or(false);
    for (char const* mark : {"iscrowd", "crowd", "ignore", "deleted"})
      if (detail::flag_in(file, node, mark, where).value_or(false)) o.mark = mark;
    pugi::xml_node const bounds = detail::bounds_in(file, node, where);
    o.xmin = detail::number_in(file, bounds, "xmin", where);
    o.ymin = detail::number_in(file, bounds, "ymin", where);
    o.xmax = detail::number_in(file, bounds, "xmax", where);
    o.ymax = detail::number_in(file, bounds, "ymax", where);
    result.objects.push_back(std::move(o));
  }
  detail::refuse_stray_boxes(file);
  auto const beyond_ascii = [](voc_object const& o) { return letters_in(o.name) < o.name.size(); };
  if (std::any_of(result.objects.begin(), result.objects.end(), beyond_ascii)) result.doubtful_encoding = file.doubtful_encoding();
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
