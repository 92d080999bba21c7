#pragma once
// EXIF orientation: how a stored picture is to be turned before it is looked at, and whether the boxes of a data set mean that.
//
//   1 as stored   2 mirrored left to right   3 by 180 degrees   4 mirrored top to bottom
//   5 mirrored along the falling diagonal    6 by 90 degrees clockwise    7 mirrored along the rising diagonal    8 by 90 counter-clockwise
// Cameras write 1, 3, 6 and 8. Read from a JPEG's APP1 segment, from a PNG's eXIf chunk, and from a TIFF's own tag; what is out of range or
// cut counts as 1.
//
// Tools disagree about the frame that boxes are written in: labelImg, CVAT and browsers show the turned picture, OpenCV turns,
// torchvision and Pillow do not unless they are told. An annotation's <size> tells which it was where turning swaps the sides.
//
// Example: exif_orientation(file) is 6 of a phone's upright photograph, stored 4000 x 3000; turned(pixels, 6) is 3000 x 4000
// Source: CIPA DC-008 (EXIF 2.3), section 4.6.4, tag 0x0112.
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/data/decoded_image.hpp"
#include "frcnn/data/image_file.hpp"

#include <array>
#include <optional>
#include <type_traits>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Of the pictures of a data set. automatic: turned where <size> says so.
enum class exif_mode : std::uint8_t { automatic, apply, ignore };

// "auto", "apply" or "ignore".
inline exif_mode parse_exif_mode(std::string const& text) {
  if (text == "auto") return exif_mode::automatic;
  if (text == "apply") return exif_mode::apply;
  if (text == "ignore") return exif_mode::ignore;
  throw error("exif", "auto, apply or ignore", excerpt(text));
}

namespace detail {

// Of a TIFF block, which is what EXIF is: tag 0x0112 in its first directory. A BigTIFF's directory has numbers of 8 bytes, of which the
// lower four do.
inline int tiff_orientation(bytes tiff) {
  if (tiff.size() < 8 || (tiff[0] != 'I' && tiff[0] != 'M') || tiff[1] != tiff[0]) return 1;
  auto const read = [&](std::size_t at, int n) { return tiff[0] == 'M' ? big_endian(tiff, at, n) : little_endian(tiff, at, n); };
  bool const big = read(2, 2) == 43;
  if (big && tiff.size() < 24) return 1;
  auto const read_long = [&](std::size_t at) { return read(at + (tiff[0] == 'M' ? 4 : 0), 4); };
  std::size_t const directory = big ? read_long(8) : read(4, 4), count = big ? 8 : 2, step = big ? 20 : 12;
  if (directory > tiff.size() - count) return 1;
  std::size_t const entries = big ? read_long(directory) : read(directory, 2);
  for (std::size_t i = 0, at = directory + count; i < entries && at + step <= tiff.size(); ++i, at += step) {
    if (read(at, 2) != 0x0112) continue;
    std::uint32_t const value = read(at + step - 4 - (big ? 4 : 0), read(at + 2, 2) == 4 ? 4 : 2);  // SHORT; some write LONG
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace detail

// 1 to 8; 1 where the file says nothing.
inline int exif_orientation(bytes file) {
  constexpr std::string_view exif("Exif\0\0", 6);
  int orientation = 1;
  if (kind_of(file) == image_kind::jpeg)
    detail::walk_jpeg(file, [&](std::uint8_t marker, bytes payload) {
      bool const found = marker == 0xE1 && detail::has_at(payload, 0, exif);
      if (found) orientation = detail::tiff_orientation(payload.subspan(exif.size()));
      return found || marker == 0xDA;  // EXIF comes before the scan
    });
  else if (kind_of(file) == image_kind::png)
    detail::walk_png(file, [&](std::string_view type, bytes payload) {
      if (type == "eXIf") orientation = detail::tiff_orientation(payload);
      return type == "eXIf";
    });
  else if (kind_of(file) == image_kind::tiff) orientation = detail::tiff_orientation(file);
  return orientation;
}

// Whether turning swaps width and height.
constexpr bool swaps_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

namespace detail {

// w x h pixels of so many bytes (an int, or a constant) at `stored`, from row to row `row` bytes, to what is looked at, at `to`.
template <class Bytes>
void turn(std::uint8_t const* stored, int w, int h, std::ptrdiff_t row, Bytes bytes, int orientation, std::uint8_t* to) {
  std::ptrdiff_t const pixel = bytes;
  bool const swaps = swaps_sides(orientation);
  bool const from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  bool const from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  int const width = swaps ? h : w, height = swaps ? w : h;  // of the result
  // Where the first pixel of the result comes from, and how far on in `stored` the next one to the right and the next one below lie.
  std::ptrdiff_t const along_x = from_right ? -pixel : pixel, along_y = from_below ? -row : row;
  std::uint8_t const* const first = stored + (from_right ? pixel * (w - 1) : 0) + (from_below ? row * (h - 1) : 0);
  std::ptrdiff_t const right = swaps ? along_y : along_x, below = swaps ? along_x : along_y;
  constexpr int tile = 64;  // a square of both pictures stays in the cache
  for (int top = 0; top < height; top += tile)
    for (int left = 0; left < width; left += tile)
      for (int y = top; y < std::min(top + tile, height); ++y) {
        std::uint8_t const* from = first + y * below + left * right;
        std::uint8_t* out = to + (std::ptrdiff_t{y} * width + left) * pixel;
        for (int x = left; x < std::min(left + tile, width); ++x, from += right, out += pixel)
          for (int k = 0; k < bytes; ++k) out[k] = from[k];
      }
}

}  // namespace detail

// The picture as it is to be looked at. Orientations outside of 2..8 leave it.
inline decoded_image turned(decoded_image stored, int orientation) {
  if (orientation < 2 || orientation > 8) return stored;
  bool const swaps = swaps_sides(orientation);
  decoded_image result(swaps ? stored.height() : stored.width(), swaps ? stored.width() : stored.height(), stored.channels(),
                       stored.bits());
  auto const turn = [&](auto bytes) {  // of a pixel; a constant for RGB
    detail::turn(stored.data(), stored.width(), stored.height(), std::ptrdiff_t{bytes} * stored.width(), bytes, orientation, result.data());
  };
  if (stored.pixel_bytes() == 3) turn(std::integral_constant<int, 3>());
  else turn(stored.pixel_bytes());
  return result;
}
inline image turned(image stored, int orientation) {
  if (orientation < 2 || orientation > 8) return stored;
  bool const swaps = swaps_sides(orientation);
  image result(swaps ? stored.height : stored.width, swaps ? stored.width : stored.height, stored.channels, stored.bits);
  detail::turn(stored.pixels.data(), stored.width, stored.height, std::ptrdiff_t{stored.width} * stored.pixel_bytes(), stored.pixel_bytes(),
               orientation, result.pixels.data());
  return result;
}

// What is done with an image of a data set.
struct exif_decision {
  int orientation = 1;    // to turn by
  bool doubtful = false;  // boxes may be meant in the other frame
};

// width, height: as stored. size: what the annotation says, if anything.
inline exif_decision decide_orientation(exif_mode mode, int orientation, int width, int height, std::optional<std::array<double, 2>> size) {
  if (mode == exif_mode::apply) return {orientation, false};
  if (mode == exif_mode::ignore || orientation == 1) return {};
  bool const telling = size && swaps_sides(orientation) && width != height;
  if (telling && (*size)[0] == height && (*size)[1] == width) return {orientation, false};
  return {1, !(telling && (*size)[0] == width && (*size)[1] == height)};
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
