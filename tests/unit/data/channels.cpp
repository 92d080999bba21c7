// Files of other channels and bits than RGB of 8: as they are decoded, as a data set has them, and as a loader gives them.
#include "../sentence.hpp"
#include "frcnn/data/loader.hpp"
#include "frcnn/data/stored_image.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "voc_folder.hpp"
#include "wide_png.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using conventions::torchvision;

namespace {

image decoded(std::string const& file, pixel_layout layout) { return copy_of(decode_pixels(as_bytes(file), "x", 1, layout)); }

std::string golden(std::string const& name) { return io::read_file("tests/golden/images/" + name); }

std::string refusal(std::string const& file, int channels) {
  return sentence([&] { decoded(file, pixel_layout::of(channels)); });
}

// The first so many channels of an image.
std::vector<std::uint8_t> first_of(image const& im, int channels) {
  std::vector<std::uint8_t> all;
  for (int i = 0; i < im.width * im.height; ++i)
    for (int c = 0; c < channels; ++c) all.push_back(im.pixels[static_cast<std::size_t>(i * im.channels + c)]);
  return all;
}

// Grey of 16 bits, in `voc`.
std::string heat(int width = 20, int height = 10) {
  std::vector<int> values;
  for (int i = 0; i < width * height; ++i) values.push_back(20000 + 3 * i);
  return wide_png(width, height, 1, values);
}

}  // namespace

TEST_CASE("PNG of one to four channels: transparency is there where it makes the number") {
  // tests/golden/images.py: all of one noise of four channels
  image const all = decoded(golden("rgba.png"), pixel_layout::of(4));
  REQUIRE(all.channels == 4);
  CHECK(all.bits == 8);
  for (std::string const name : {"grey.png", "grey_alpha.png", "grey16.png"}) {
    CAPTURE(name);
    image const one = decoded(golden(name), {1, 8});
    CHECK(one.channels == 1);
    CHECK(one.pixels == first_of(all, 1));
  }
  CHECK(decoded(golden("grey_alpha.png"), pixel_layout::of(2)).pixels == first_of(all, 2));
  for (std::string const name : {"rgb.png", "rgba.png"}) CHECK(decoded(golden(name), {}).pixels == first_of(all, 3));
  CHECK(decoded(golden("grey_alpha.png"), {}).channels == 3);

  CHECK(refusal(golden("grey.png"), 2) == "x: expected 2 channels, found 1");
  CHECK(refusal(golden("grey_alpha.png"), 4) == "x: expected 4 channels, found 1 and transparency");
  CHECK(refusal(golden("rgb.png"), 1) == "x: expected 1 channel, found 3");
  CHECK(refusal(golden("rgb.png"), 4) == "x: expected 4 channels, found 3");
  CHECK(refusal(golden("rgba.png"), 2) == "x: expected 2 channels, found 3 and transparency");
  CHECK(refusal(golden("palette.png"), 1) == "x: expected 1 channel, found 3");
  CHECK(refusal(golden("rgb.png"), 0) == "image: expected 1 to 16 channels, found 0");
  CHECK(refusal(golden("rgb.png"), 17) == "image: expected 1 to 16 channels, found 17");
}

TEST_CASE("JPEG and BMP") {
  image const grey = decoded(golden("grey.jpg"), pixel_layout::of(1));
  CHECK(grey.channels == 1);
  CHECK(grey.pixels == read_stored_image("tests/golden/images/grey.jpg").pixels);
  CHECK(refusal(golden("baseline.jpg"), 1) == "x: expected 1 channel, found 3");
  CHECK(refusal(golden("grey.jpg"), 2) == "x: expected 2 channels, found 1");
  CHECK(refusal(golden("grey.bmp"), 1) == "x: expected 1 channel, found 3");
  CHECK(decoded(golden("grey.bmp"), {3, 16}).bits == 8);
}

TEST_CASE("16 bits stay, or become 8 by their high byte, with transparency and without") {
  std::vector<int> const values{1, 700, 65535, 40000, 5, 6, 256, 257, 258, 9999, 12345, 54321};
  for (int stored = 1; stored <= 4; ++stored)
    for (int channels = 1; channels <= 4; ++channels) {
      CAPTURE(stored);
      CAPTURE(channels);
      std::string const file = wide_png(12 / stored, 1, stored, values);
      bool const possible = channels == stored || channels + 1 == stored + (stored % 2) * 9 || (channels == 3 && stored < 3);
      if (!possible) {
        CHECK(refusal(file, channels).find("x: expected") == 0);
        continue;
      }
      image const wide = decoded(file, {channels, 16}), narrow = decoded(file, {channels, 8});
      REQUIRE((wide.bits == 16 && narrow.bits == 8 && wide.channels == channels && narrow.channels == channels));
      for (int i = 0; i < 12 / stored; ++i)
        for (int c = 0; c < channels; ++c) {
          int const from = channels == 3 && stored < 3 ? 0 : c;
          CHECK(wide.at_16(i, 0)[c] == values[static_cast<std::size_t>(i * stored + from)]);
          CHECK(narrow.at(i, 0)[c] == wide.at_16(i, 0)[c] >> 8);
        }
    }
}

TEST_CASE("a data set is read with its channels, and says which files have others") {
  ::voc_folder voc;
  voc.split("a\nb\n");
  for (char const* id : {"a", "b"}) {
    voc.add(id);
    voc.write(std::string("JPEGImages/") + id + ".png", heat());
  }
  dataset const grey = voc.read({.layout = {1, 16}});
  CHECK(grey.layout == pixel_layout{1, 16});
  CHECK(voc.warnings.empty());
  CHECK(decode(grey.pixels(0)).bits() == 16);
  voc.read();  // as RGB of 8 bits
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.warnings[0].find("2 images of 16 bits use few of their values, and are nearly flat when cut to 8 bits (a training with --bits "
                             "16 keeps them; for a model of 8 bits scale them up)") != std::string::npos);
  voc.write("JPEGImages/b.png", voc.picture());
  for (bool const headers : {false, true})
    CHECK(voc.refusal({.layout = {1, 16}, .headers_only = headers}).find("VOC/JPEGImages/b.png: expected 1 channel, found 3") !=
          std::string::npos);
  CHECK(voc.read({.skip_bad = true, .layout = {1, 16}}).size() == 1);
  check_cache known;
  CHECK(voc.read({.known = &known}).size() == 2);
  CHECK(voc.refusal({.layout = {4, 16}, .known = &known}).find("VOC/JPEGImages/a.png: expected 4 channels, found 1") != std::string::npos);
}

TEST_CASE("a loader gives the channels and bits of the files, changed as images of 8 bits are") {
  ::voc_folder voc;
  voc.split("a\n");
  voc.add("a");
  voc.write("JPEGImages/a.png", heat());
  dataset const grey = voc.read({.layout = {1, 16}});
  loaded const one = load_one<torchvision>(grey, 0, 10, 40, 1);
  CHECK((one.pixels.channels == 1 && one.pixels.bits == 16 && one.pixels.width == 20 && one.pixels.height == 10));
  image const stored = read_stored_image(grey.samples[0].image);
  CHECK(one.pixels.pixels == stored.pixels);
  CHECK(sentence([&] { load_one<torchvision>(grey, 0, 10, 40, 3); }) == "nothing");  // grey fills three
  training_options o{.short_side = 10, .max_side = 40, .batch = 1};
  o.channels = 1, o.flip = true;
  o.augment.brightness = .5;
  training_loader<torchvision> loader(grey, o);
  std::set<bool> flips;
  for (int n = 0; n < 20; ++n) {
    loaded const& seen = loader.next().front();
    flips.insert(seen.flipped);
    CHECK((seen.pixels.bits == 16 && seen.pixels.channels == 1));
    int const left = *seen.pixels.at_16(0, 0), right = *seen.pixels.at_16(19, 0);
    CHECK((left > right) == seen.flipped);
    CHECK((left > 9000 && left < 31000));
  }
  CHECK(flips.size() == 2);
}
