#pragma once
// Command-line names of data: ROOT[:SPLIT] for a folder in VOC layout and its split, a part of one, and lists of classes.
//
// Example: parse_voc_spec("VOC2007:test") is {"VOC2007", "test"};  parse_class_list("cat, dog") is {"cat", "dog"}
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/id_split.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/io/text_file.hpp"

#include <filesystem>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct voc_source {
  std::filesystem::path root;
  std::string split;  // the name of a list; all: every image, where no list is called so
  id_range part{};    // of the images of that split. Where there are no lists at all it is taken of every image
};

// "ROOT" or "ROOT:SPLIT". A folder whose own name has a colon is taken whole.
inline voc_source parse_voc_spec(std::string const& spec, std::string const& default_split = "trainval") {
  auto const colon = spec.rfind(':');
  std::error_code ignored;
  if (colon == spec.npos || spec.find_first_of("/\\", colon) != spec.npos || std::filesystem::is_directory(spec, ignored))
    return {spec, default_split, {}};
  if (colon == 0 || colon + 1 == spec.size()) throw error(spec, "ROOT or ROOT:SPLIT", "an empty " + std::string(colon ? "split" : "root"));
  return {spec.substr(0, colon), spec.substr(colon + 1), {}};
}

namespace detail {

// Whether a text that names no file was meant to. A class may be called n/a, and none is called so.
inline bool looks_like_a_file(std::string const& text) {
  std::filesystem::path const path(text);
  std::string const extension = lower(path.extension().string());
  for (char const* known :
       {".txt", ".names", ".csv", ".tsv", ".lst", ".list", ".labels", ".yaml", ".yml", ".json", ".xml", ".pbtxt", ".data"})
    if (extension == known) return true;
  std::error_code ignored;
  auto const above = path.parent_path();
  return path.is_absolute() || text.starts_with("./") || text.starts_with("../") || text.starts_with("~/") ||
         (!above.empty() && std::filesystem::is_directory(above, ignored));
}

}  // namespace detail

// "A,B,C", or a file with one name per line. The order given is the order of the labels.
inline std::vector<std::string> parse_class_list(std::string const& text) {
  std::vector<std::string> names;
  std::error_code ignored;
  auto const there = std::filesystem::status(text, ignored);
  bool const file = text.find(',') == text.npos && detail::looks_like_a_file(text);
  if (std::filesystem::is_regular_file(there) || (file && std::filesystem::exists(there) && !std::filesystem::is_directory(there))) {
    names = lines_of(io::read_text(text, "class names, one per line"));
  } else if (file) {
    std::string const other = not_a_file(text);
    throw error(text, "class names separated by commas, or a file of them", other.empty() ? "no file of that name" : other);
  } else {
    for (std::size_t at = 0; at <= text.size();) {
      auto const end = std::min(text.find(',', at), text.size());
      names.emplace_back(trimmed(std::string_view(text).substr(at, end - at)));
      at = end + 1;
    }
  }
  std::set<std::string> seen;
  for (auto const& name : names) {
    if (name == "__background__") throw error(text, "classes without background, which every model has by itself", excerpt(name));
    if (name.starts_with("--") || name.starts_with("# "))
      throw error(text, "class names", (name.starts_with("#") ? "a comment, " : "an option, ") + excerpt(name));
    if (name.empty()) throw error(text.empty() ? "classes" : text, "class names separated by commas, or a file of them", "an empty name");
    if (fault_in_utf8(name) != name.npos)
      throw error(text, "class names in UTF-8, which model files hold",
                  "bytes that are no UTF-8 in " + excerpt(with_visible_escapes(name)));
    if (!seen.insert(name).second) throw error(text, "every class once", excerpt(name) + " twice");
  }
  if (names.empty()) throw error(text, "class names, one per line", "none");
  return names;
}

}  // namespace frcnn::data
FRCNN_HIDDEN_END
