#pragma once
// Reading the small text files that come with data: lines, blanks, letters in any case. ASCII rules, whatever the locale.
//
// Example: lines_of("a \r\n\r\n b 1\n") is {"a", "b 1"}
#include "frcnn/config.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\v\f";
  auto const first = text.find_first_not_of(blank);
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

inline std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// How many characters UTF-8 text has.
inline std::size_t letters_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// "a, b and 7 more": text(x) of each of the first `most` of a list.
template <class List, class Text>
std::string first_of(List const& list, std::size_t most, Text const& text) {
  std::string result;
  std::size_t said = 0;
  for (auto const& x : list) {
    if (said == most) return result + " and " + std::to_string(list.size() - said) + " more";
    result += (said++ ? ", " : "") + std::string(text(x));
  }
  return result;
}

// Whether a name is hidden, or one that systems give to what they keep among a user's files: thumbnails, deleted files, attributes.
inline bool belongs_to_a_system(std::string_view name) {
  if (name.starts_with('.')) return true;
  for (std::string_view known : {"__MACOSX", "@eaDir", "#recycle", "@Recycle", "#snapshot", "@Recently-Snapshot", "$RECYCLE.BIN",
                                 "System Volume Information", "lost+found"})
    if (name == known) return true;
  return false;
}

// The non-empty lines of a text file, trimmed, without a byte order mark.
inline std::vector<std::string> lines_of(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto const end = std::min(text.find_first_of("\r\n"), text.size());
    if (auto const line = trimmed(text.substr(0, end)); !line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
