#pragma once
// Any text as the name of a file: what a name cannot hold is percent-encoded, and what is too long is cut.
//
//   percent_encoded(text, must)   each byte c with must(c) as %XX, and each '%' that two hexadecimal digits follow as %25: what has neither
//                                 stays as it is, and different texts stay different
//   file_name(text, ending)       text and ending as a name in one folder. '/', control characters, and "." and ".." alone are encoded.
//                                 Beyond `longest_name` bytes the front stays, followed by '~' and 16 digits of a hash of the whole
//   file_path(id, ending)         the same for an id with folders in front: they stay folders. An id that would lead out of the folder that
//                                 the path is put behind ("../x", "/x") becomes one name
//
// Example: file_name("n/a", ".txt") is "n%2Fa.txt";  file_path("day1/a", ".png") is "day1/a.png";  file_path("../x", ".png") is
// "..%2Fx.png" Invariant: folder / file_path(id) lies below folder.
#include "frcnn/core/hash.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// Linux takes 255 bytes; atomic_file puts ".part" behind a name while it writes.
inline constexpr std::size_t longest_name = 255 - 5;

template <class Must>
std::string percent_encoded(std::string_view text, Must must) {
  constexpr char digits[] = "0123456789ABCDEF";
  auto const hexadecimal = [&](std::size_t at) {
    return at < text.size() && std::string_view("0123456789ABCDEFabcdef").find(text[at]) != std::string_view::npos;
  };
  std::string encoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (!must(c) && !(c == '%' && hexadecimal(i + 1) && hexadecimal(i + 2))) {
      encoded += c;
      continue;
    }
    auto const byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
  return encoded;
}

// Of ASCII, whatever the locale.
constexpr bool is_control(char c) { return (c >= 0 && c < 32) || c == 127; }

inline std::string file_name(std::string_view text, std::string_view ending = {}) {
  bool const dots = ending.empty() && (text == "." || text == "..");
  std::string name = percent_encoded(text, [&](char c) { return c == '/' || is_control(c) || (dots && c == '.'); });
  if (name.size() + ending.size() > longest_name) {
    std::uint64_t const hash = fnv1a(text);
    std::size_t cut = longest_name - ending.size() - 17;
    while (cut > 0 && (name[cut] & 0xC0) == 0x80) --cut;                                           // not inside of a character
    if (auto const percent = name.find('%', cut < 2 ? 0 : cut - 2); percent < cut) cut = percent;  // nor of %XX
    name.resize(cut);
    name += '~';
    for (int shift = 60; shift >= 0; shift -= 4) name += "0123456789abcdef"[hash >> shift & 15];
  }
  return name.append(ending);
}

inline std::filesystem::path file_path(std::string_view id, std::string_view ending = {}) {
  std::filesystem::path path;
  for (std::string_view rest = id;;) {
    std::string_view const part = rest.substr(0, rest.find('/'));
    if (part.empty() || part == "." || part == "..") return file_name(id, ending);
    if (part.size() == rest.size()) return path / file_name(part, ending);
    path /= file_name(part);
    rest.remove_prefix(part.size() + 1);
  }
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
