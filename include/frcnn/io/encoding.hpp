#pragma once
// Conversion of text in any encoding to UTF-8, which is what the library uses behind the readers of files.
//
//   convert_to_utf8(text, enc, name)  by iconv; throws frcnn::error that calls the text `name`
//   mark_of(text)                     the encoding that a byte order mark, or UTF-16's zeros without one, gives away
// A text without a mark that is ASCII or UTF-8 stays as it is.
//
// Example: convert_to_utf8("\xEA\xEE\xF2", "windows-1251", "a.xml") is "кот"
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"

#include <iconv.h>

#include <cerrno>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

inline std::string convert_to_utf8(std::string_view text, std::string const& encoding, std::string const& name) {
  iconv_t const converter = iconv_open("UTF-8", encoding.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) throw error(name, "an encoding that is known here", excerpt(encoding));
  std::string result;
  char piece[4096];
  char* from = const_cast<char*>(text.data());  // iconv does not write there
  std::size_t left = text.size();
  bool sound = true;
  for (bool flushed = false; sound && !flushed;) {
    char* to = piece;
    std::size_t room = sizeof piece;
    flushed = left == 0;
    std::size_t const failed = iconv(converter, flushed ? nullptr : &from, &left, &to, &room);
    sound = failed != static_cast<std::size_t>(-1) || errno == E2BIG;
    result.append(piece, sizeof piece - room);
  }
  iconv_close(converter);
  if (!sound) throw error(name, "text in " + encoding, "bytes that are none, after " + std::to_string(text.size() - left));
  return result;
}

struct encoding_mark {
  std::string_view encoding;  // empty: no mark
  std::size_t length = 0;     // of the mark, bytes
};

inline encoding_mark mark_of(std::string_view text) {
  using namespace std::string_view_literals;
  if (text.substr(0, 3) == "\xEF\xBB\xBF"sv) return {"UTF-8", 3};
  if (text.substr(0, 4) == "\xFF\xFE\0\0"sv) return {"UTF-32LE", 4};
  if (text.substr(0, 4) == "\0\0\xFE\xFF"sv) return {"UTF-32BE", 4};
  if (text.substr(0, 2) == "\xFF\xFE"sv) return {"UTF-16LE", 2};
  if (text.substr(0, 2) == "\xFE\xFF"sv) return {"UTF-16BE", 2};
  if (text.size() >= 4 && text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0) return {"UTF-16LE", 0};
  if (text.size() >= 4 && text[0] == 0 && text[1] != 0 && text[2] == 0 && text[3] != 0) return {"UTF-16BE", 0};
  return {};
}

// Without its mark. A text whose encoding nothing gives away is returned as it is, UTF-8 or not.
inline std::string without_mark(std::string text, std::string const& name) {
  encoding_mark const mark = mark_of(text);
  if (mark.encoding.empty()) return text;
  std::string_view const rest = std::string_view(text).substr(mark.length);
  return mark.encoding == "UTF-8" ? std::string(rest) : convert_to_utf8(rest, std::string(mark.encoding), name);
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
