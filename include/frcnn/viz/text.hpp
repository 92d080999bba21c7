#pragma once
// Text on images: the pixel font of stb_easy_font, in whole pixels, so that it is sharp at every scale.
//
//   scale  pixels of the image per pixel of the font: capitals are 7 * scale high, a line is 12 * scale
//
// Example: text_width("dog", 2) == 36 pixels
// Invariant: nothing outside the image is touched; every string is drawable (bytes that are not printable ASCII show as '?', once per
// UTF-8 character).
#include "frcnn/core/image.hpp"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#endif
#if __has_include(<stb/stb_easy_font.h>)  // Debian's place; Conan's package has none of the folder
#include <stb/stb_easy_font.h>
#else
#include <stb_easy_font.h>
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

struct rgb {
  std::uint8_t r, g, b;
  friend constexpr bool operator==(rgb, rgb) = default;
};

// Fills [x1, x2) x [y1, y2) as far as it lies in the image.
inline void fill(image& im, int x1, int y1, int x2, int y2, rgb colour) {
  FRCNN_ASSERT(im.channels == 3 && im.bits == 8);
  x1 = std::max(x1, 0), y1 = std::max(y1, 0), x2 = std::min(x2, im.width), y2 = std::min(y2, im.height);
  for (int y = y1; y < y2; ++y)
    for (int x = x1; x < x2; ++x) {
      std::uint8_t* p = im.at(x, y);
      p[0] = colour.r, p[1] = colour.g, p[2] = colour.b;
    }
}

namespace detail {

inline std::string printable(std::string_view text) {
  std::string ascii;
  for (unsigned char const c : text)
    if (c >= 32 && c < 127) ascii += static_cast<char>(c);
    else if ((c & 0xC0) != 0x80)  // not the continuation of a character that has its '?'
      ascii += '?';
  return ascii;
}

}  // namespace detail

inline constexpr int text_ascent = 7;  // of a capital, in font pixels

inline int text_width(std::string_view text, int scale) {
  std::string ascii = detail::printable(text);
  return stb_easy_font_width(ascii.data()) * scale;
}

// (x, y): the upper left corner of the first capital.
inline void draw_text(image& im, int x, int y, std::string_view text, int scale, rgb colour) {
  std::string ascii = detail::printable(text);
  struct vertex {
    float x, y, z;
    unsigned char rgba[4];
  };
  // A character has at most 15 strokes of four corners.
  std::string buffer(ascii.size() * 15 * 4 * sizeof(vertex), '\0');
  int const quads = stb_easy_font_print(0, 0, ascii.data(), nullptr, buffer.data(), static_cast<int>(buffer.size()));
  for (int q = 0; q < quads; ++q) {
    vertex corner[4];
    std::memcpy(corner, buffer.data() + static_cast<std::size_t>(q) * sizeof corner, sizeof corner);
    auto const at = [&](float font) { return static_cast<int>(font) * scale; };
    fill(im, x + at(corner[0].x), y + at(corner[0].y), x + at(corner[2].x), y + at(corner[2].y), colour);
  }
}

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
