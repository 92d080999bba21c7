#include "frcnn/data/exif.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace frcnn;
using namespace frcnn::data;

namespace {

decoded_image numbered_image(int w, int h) {
  decoded_image im(w, h);
  for (std::size_t i = 0; i < im.size(); ++i) im.data()[i] = static_cast<std::uint8_t>(i * 37 + i / 251);
  return im;
}

std::uint8_t const* pixel_at(decoded_image const& im, int x, int y) { return im.data() + (std::ptrdiff_t{y} * im.width() + x) * 3; }

// Of a JPEG that holds nothing but EXIF with the one entry.
int orientation_of(bool little, int type, std::uint32_t value, std::uint32_t directory = 8, int entries = 1) {
  auto const number = [&](std::uint32_t v, int n) {
    std::string s;
    for (int i = 0; i < n; ++i) s += static_cast<char>(v >> 8 * (little ? i : n - 1 - i) & 255);
    return s;
  };
  std::string const tiff = (little ? "II" : "MM") + number(42, 2) + number(directory, 4) + number(static_cast<std::uint32_t>(entries), 2) +
                           number(0x0112, 2) + number(static_cast<std::uint32_t>(type), 2) + number(1, 4) +
                           (type == 4 ? number(value, 4) : number(value, 2) + number(0, 2)) + number(0, 4);
  std::string const payload = std::string("Exif\0\0", 6) + tiff;
  std::string file = "\xFF\xD8\xFF\xE1";
  file += static_cast<char>((payload.size() + 2) >> 8);
  file += static_cast<char>((payload.size() + 2) & 255);
  return exif_orientation(as_bytes(file + payload + "\xFF\xD9"));
}

}  // namespace

TEST_CASE("orientation is read in either byte order, and is 1 where it is nonsense") {
  for (bool little : {false, true}) {
    CAPTURE(little);
    for (std::uint32_t v = 1; v <= 8; ++v)
      for (int type : {3, 4}) CHECK(orientation_of(little, type, v) == static_cast<int>(v));
    for (std::uint32_t v : {0u, 9u, 65535u}) CHECK(orientation_of(little, 3, v) == 1);
    CHECK(orientation_of(little, 4, 0x10006) == 1);
    for (std::uint32_t directory : {0u, 7u, 20u, 0x7FFFFFFFu, 0xFFFFFFFFu}) CHECK(orientation_of(little, 3, 6, directory) == 1);
    CHECK(orientation_of(little, 3, 6, 8, 0) == 1);
    CHECK(orientation_of(little, 3, 6, 8, 65535) == 6);
  }
  CHECK(exif_orientation(as_bytes("")) == 1);
  CHECK(exif_orientation(as_bytes("Exif")) == 1);
}

// Where a pixel of the result was stored, as the standard has it: the 0th row is the ... side, the 0th column is the ... side.
TEST_CASE("each orientation takes each pixel to its place") {
  for (auto [w, h] : {std::pair{5, 3}, {130, 67}, {64, 128}, {1, 7}}) {
    decoded_image const stored = numbered_image(w, h);
    for (int o = 0; o <= 9; ++o) {
      CAPTURE(o);
      decoded_image const im = turned(numbered_image(w, h), o);
      bool const swaps = o >= 5 && o <= 8;
      CHECK(swaps_sides(o) == swaps);
      REQUIRE(im.width() == (swaps ? h : w));
      REQUIRE(im.height() == (swaps ? w : h));
      int wrong = 0;
      for (int y = 0; y < im.height(); ++y)
        for (int x = 0; x < im.width(); ++x) {
          int sx = x, sy = y;
          if (o == 2) sx = w - 1 - x;
          if (o == 3) sx = w - 1 - x, sy = h - 1 - y;
          if (o == 4) sy = h - 1 - y;
          if (o == 5) sx = y, sy = x;
          if (o == 6) sx = y, sy = h - 1 - x;
          if (o == 7) sx = w - 1 - y, sy = h - 1 - x;
          if (o == 8) sx = w - 1 - y, sy = x;
          wrong += std::memcmp(pixel_at(im, x, y), pixel_at(stored, sx, sy), 3) != 0;
        }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a data set's image is turned where <size> says so, and doubted where it cannot tell") {
  using size = std::optional<std::array<double, 2>>;
  auto const decide = [](exif_mode mode, int o, int w, int h, size s) {
    exif_decision const d = decide_orientation(mode, o, w, h, s);
    return std::to_string(d.orientation) + (d.doubtful ? "?" : "");
  };
  auto const automatic = exif_mode::automatic;
  for (int o = 5; o <= 8; ++o) {
    std::string const turn = std::to_string(o);
    CHECK(decide(automatic, o, 40, 30, size{{30, 40}}) == turn);
    CHECK(decide(automatic, o, 40, 30, size{{40, 30}}) == "1");
    CHECK(decide(automatic, o, 40, 30, size{{30, 30}}) == "1?");
    CHECK(decide(automatic, o, 40, 30, size{{0, 0}}) == "1?");
    CHECK(decide(automatic, o, 40, 30, {}) == "1?");
    CHECK(decide(automatic, o, 30, 30, size{{30, 30}}) == "1?");
  }
  for (int o = 2; o <= 4; ++o) CHECK(decide(automatic, o, 40, 30, size{{40, 30}}) == "1?");
  CHECK(decide(automatic, 1, 40, 30, size{{30, 40}}) == "1");
  for (int o = 1; o <= 8; ++o)
    for (size s : {size{}, size{{30, 40}}, size{{40, 30}}}) {
      CHECK(decide(exif_mode::ignore, o, 40, 30, s) == "1");
      CHECK(decide(exif_mode::apply, o, 40, 30, s) == std::to_string(o));
    }
}
