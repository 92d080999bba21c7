#include "frcnn/data/stored_image.hpp"

#include "../sentence.hpp"
#include "wide_png.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

namespace {
std::filesystem::path const images = "tests/golden/images";
}  // namespace

TEST_CASE("grey files have one channel, the others three, with the pixels that RGB has") {
  for (std::string name : {"grey.png", "grey.jpg", "grey_alpha.png", "bits.png", "rgb.png", "rgba.png", "palette.png", "grey.bmp",
                           "baseline.jpg", "orientation6.jpg", "orientation6.png"}) {
    CAPTURE(name);
    image const im = read_stored_image(images / name), rgb = read_image(images / name);
    bool const grey = name.find("gr") == 0 && name != "grey.bmp";
    CHECK(im.channels == (grey || name == "bits.png" ? 1 : 3));
    CHECK(im.bits == 8);
    CHECK_NOTHROW(check(im));
    REQUIRE(im.width == rgb.width);
    REQUIRE(im.height == rgb.height);
    bool same = true;
    for (int y = 0; y < im.height; ++y)
      for (int x = 0; x < im.width; ++x)
        for (int c = 0; c < 3; ++c) same &= im.at(x, y)[im.channels == 1 ? 0 : c] == rgb.at(x, y)[c];
    CHECK(same);
  }
}

TEST_CASE("16 bits stay 16") {
  // tests/golden/images.py: of one noise, the file's high byte is rgb.png's red, its low byte rgb.png's green
  image const im = read_stored_image(images / "grey16.png"), rgb = read_image(images / "rgb.png"), cut = read_image(images / "grey16.png");
  REQUIRE(im.channels == 1);
  REQUIRE(im.bits == 16);
  REQUIRE(im.width == rgb.width);
  bool same = true;
  for (int y = 0; y < im.height; ++y)
    for (int x = 0; x < im.width; ++x)
      same &= *im.at_16(x, y) == 256 * rgb.at(x, y)[0] + rgb.at(x, y)[1] && *im.at_16(x, y) >> 8 == cut.at(x, y)[1];
  CHECK(same);

  std::vector<int> const values{1, 700, 65535, 40000, 5, 6, 256, 257, 258, 9999, 12345, 54321};
  image const colour = decode_stored_image(as_bytes(wide_png(2, 2, 3, values)), "x");
  REQUIRE(colour.channels == 3);
  CHECK(std::equal(values.begin(), values.end(), colour.at_16(0, 0)));
  image const opaque = decode_stored_image(as_bytes(wide_png(3, 1, 4, values)), "x");  // without its transparency
  REQUIRE(opaque.channels == 3);
  for (int x = 0; x < 3; ++x)
    for (int c = 0; c < 3; ++c) CHECK(opaque.at_16(x, 0)[c] == values[static_cast<std::size_t>(4 * x + c)]);
  image const grey_alpha = decode_stored_image(as_bytes(wide_png(3, 2, 2, values)), "x");
  REQUIRE(grey_alpha.channels == 1);
  for (int i = 0; i < 6; ++i) CHECK(grey_alpha.at_16(0, 0)[i] == values[static_cast<std::size_t>(2 * i)]);
}

TEST_CASE("16 bits are turned as EXIF says, unless they are to be left as stored") {
  std::vector<int> const values{1, 700, 65535, 40000, 5, 6};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    std::string const file = wide_png(3, 2, 1, values, orientation);
    CAPTURE(orientation);
    image const im = decode_stored_image(as_bytes(file), "x"), cut = decode_image(as_bytes(file), "x"),
                stored = decode_stored_image(as_bytes(file), "x", exif_mode::ignore);
    CHECK(std::equal(values.begin(), values.end(), stored.at_16(0, 0)));
    REQUIRE(im.width == (orientation > 4 ? 2 : 3));
    for (int y = 0; y < im.height; ++y)
      for (int x = 0; x < im.width; ++x) CHECK((*im.at_16(x, y) >> 8) == cut.at(x, y)[0]);
    CHECK((im.width == stored.width && im.pixels == stored.pixels) == (orientation == 1));
  }
}

TEST_CASE("what cannot be decoded is refused with its name") {
  std::string file = wide_png(2, 2, 1, {1, 2, 3, 4});
  CHECK(sentence([&] { decode_stored_image(as_bytes(file.substr(0, file.size() - 12)), "x"); }) ==
        "x: expected a whole PNG, found its end missing");
  file[file.size() - 30] ^= 1;
  CHECK(sentence([&] { decode_stored_image(as_bytes(file), "x"); }).find("x: expected a PNG that can be decoded") == 0);
  CHECK(sentence([] { read_stored_image("/nowhere/a.png"); }).find("/nowhere/a.png: expected") == 0);
}
