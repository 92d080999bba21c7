#pragma once
// Text files that people and other programs write: read whole, as UTF-8 where a byte order mark or UTF-16's zeros say what they are in.
//
//   read_text(path, expected)   expected: what the file should hold, for messages
// A file that holds no text is refused by what it is: packed by gzip, an image, a pointer of Git LFS, or by its first control character.
// Text without a mark is returned as it is, UTF-8 or not.
//
// Example: read_text("p.txt", "proposals") of a packed file throws
//          "p.txt: expected proposals, found a file packed by gzip: unpack it first"
#include "frcnn/io/encoding.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

inline std::string read_text(std::filesystem::path const& path, std::string const& expected) {
  std::string const name = path.string();
  std::string text = read_file(path);
  std::string const first = text.substr(0, 512);
  text = without_mark(std::move(text), name);
  auto const is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' && !(c >= '\t' && c <= '\r'); };
  auto const control = std::find_if(text.begin(), text.end(), is_control);
  bool const pointer = text.starts_with("version https://git-lfs");
  if (control == text.end() && !pointer) return text;
  if (std::string const other = foreign_file(first); !other.empty()) throw error(name, expected, other);
  auto const at = static_cast<std::size_t>(control - text.begin());
  throw error(name + ":" + std::to_string(1 + std::count(text.begin(), control, '\n')), expected,
              "control characters, " + excerpt(std::string_view(text).substr(at), 20));
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
