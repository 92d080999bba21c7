#pragma once
// Whether text is UTF-8. Strict, as Unicode has it: no surrogates, no longer forms, nothing above U+10FFFF.
//
// Example: fault_in_utf8("caf\xE9") is 3;  fault_in_utf8("caf\xC3\xA9") is npos
#include "frcnn/config.hpp"

#include <cstddef>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// How many bytes the character at the beginning of a text has, which is not empty; 0: these bytes are no UTF-8.
inline std::size_t utf8_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned const first = byte(0);
  if (first < 0x80) return 1;
  std::size_t const more = first >= 0xC2 && first <= 0xDF ? 1 : (first & 0xF0) == 0xE0 ? 2 : first >= 0xF0 && first <= 0xF4 ? 3 : 0;
  if (more == 0) return 0;
  unsigned const least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80, most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t k = 2; k <= more; ++k)
    if ((byte(k) & 0xC0) != 0x80) return 0;
  return more + 1;
}

// Where text stops being UTF-8; npos: nowhere.
inline std::size_t fault_in_utf8(std::string_view text) {
  for (std::size_t at = 0, length; at < text.size(); at += length)
    if ((length = utf8_length(text.substr(at))) == 0) return at;
  return std::string_view::npos;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
