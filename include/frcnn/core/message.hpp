#pragma once
// Pieces of messages: text and numbers that somebody else wrote, so that a message stays one short line of UTF-8 whatever a file holds.
//
//   printable(text, most)   control characters and bytes that are no UTF-8 as \x1F, and "..." behind the first `most` characters where
//                           there are more. Backslashes stay as they are
//   excerpt(text, most)     the same in single quotes
//   number_text(value)      the shortest decimal that reads back the same: 0.001, 1e+30
//
// Example: excerpt("\x1F\x8B\x08") is '\x1F\x8B\x08', with the quotes
#include "frcnn/core/utf8.hpp"

#include <charconv>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline std::string printable(std::string_view text, std::size_t most) {
  std::string result;
  for (std::size_t n = 0; !text.empty(); ++n) {
    if (n == most) return result + "...";
    std::size_t const length = utf8_length(text);
    auto const first = static_cast<unsigned char>(text[0]);
    bool const control = first < 0x20 || first == 0x7F || (first == 0xC2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xA0);
    std::string_view const character = text.substr(0, length == 0 ? 1 : length);
    if (length > 0 && !control) result += character;
    else
      for (char const c : character) {
        auto const byte = static_cast<unsigned char>(c);
        result += {'\\', 'x', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
      }
    text.remove_prefix(character.size());
  }
  return result;
}

inline std::string excerpt(std::string_view text, std::size_t most = 60) { return "'" + printable(text, most) + "'"; }

inline std::string number_text(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
