#pragma once
// A PNG of 16 bits, written by hand: the decoder does not ask for zlib's checksum.
#include "frcnn/io/crc32c.hpp"

#include <cstdint>
#include <string>
#include <vector>

// channels: 1 to 4, grey, grey and alpha, RGB, RGBA. values: row by row. orientation: EXIF's, 0 for none.
inline std::string wide_png(int width, int height, int channels, std::vector<int> const& values, int orientation = 0) {
  auto const number = [](std::size_t v) {
    std::string s;
    for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(v >> shift & 255);
    return s;
  };
  auto const chunk = [&](std::string const& type, std::string const& data) {
    return number(data.size()) + type + data + number(frcnn::io::crc32(type + data));
  };
  std::string rows;
  std::size_t const in_row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % in_row == 0) rows += '\0';
    rows += {static_cast<char>(values[i] >> 8), static_cast<char>(values[i] & 255)};
  }
  auto const low = static_cast<unsigned>(rows.size()), high = ~low;
  std::string stored("\x78\x01\x01", 3);
  for (unsigned v : {low, high}) stored += {static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)};
  char const colours[] = {0, 0, 4, 2, 6};
  std::string exif;
  if (orientation)
    exif = chunk("eXIf", std::string("MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + static_cast<char>(orientation) +
                             std::string(6, '\0'));
  return "\x89PNG\r\n\x1A\n" +
         chunk("IHDR", number(static_cast<std::size_t>(width)) + number(static_cast<std::size_t>(height)) + '\x10' + colours[channels] +
                           std::string(3, '\0')) +
         exif + chunk("IDAT", stored + rows + number(0)) + chunk("IEND", "");
}
