#include "frcnn/data/tiff.hpp"

#include "../io/scratch.hpp"
#include "../sentence.hpp"
#include "frcnn/data/image_check.hpp"
#include "frcnn/data/stored_image.hpp"
#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace frcnn;
using namespace frcnn::data;

namespace {

std::filesystem::path const golden = "tests/golden/tiff";

}  // namespace

#if FRCNN_HAS_TIFF

namespace {

std::vector<int> values_of(image const& im) {
  std::vector<int> all;
  for (int y = 0; y < im.height; ++y)
    for (int x = 0; x < im.width; ++x)
      for (int c = 0; c < im.channels; ++c) all.push_back(im.bits == 16 ? im.at_16(x, y)[c] : im.at(x, y)[c]);
  return all;
}

}  // namespace

TEST_CASE("TIFF pixels are those that tifffile and Pillow read") {
  io::safetensors_file const expected("tests/golden/tiff.safetensors");
  int files = 0;
  for (auto const& entry : std::filesystem::directory_iterator(golden)) {
    if (entry.is_directory()) continue;
    std::string const name = entry.path().filename().string();
    CAPTURE(name);
    auto const& shape = expected.shape(name);
    image_facts const facts = inspect_image(as_bytes(io::read_file(entry.path())), name);
    CHECK((facts.height == shape[0] && facts.width == shape[1]));
    CHECK(facts.remark == (name == "pages.tif" ? "2 pages, of which the first is read" : ""));
    bool const by_libtiff = std::set<std::string>{"palette.tif", "bits.tif", "jpeg.tif", "jpeg_grey.tif"}.contains(name);
    int const channels = static_cast<int>(shape[2]);
    REQUIRE(facts.channels.give(channels));
    image const im = copy_of(decode_pixels(as_bytes(io::read_file(entry.path())), name, 1, {channels, 16}));
    CHECK(im.channels == channels);
    CHECK(im.bits == facts.channels.bits);
    CHECK(im.bits == (name.find("16") != name.npos || name.find("orientation") == 0 || name == "map.tif" ? 16 : 8));
    CHECK(values_of(im) == expected.read<std::int32_t>(name));
    image const stored = read_stored_image(entry.path(), exif_mode::ignore);
    CHECK(stored.channels == facts.channels.colours);
    if (by_libtiff) CHECK((facts.channels.bits == 8 && !facts.channels.transparency));
    ++files;
  }
  CHECK(files == 34);
}

TEST_CASE("of a TIFF the channels and bits are made that are asked for, where it has them") {
  auto const file = [](std::string const& name) { return io::read_file(golden / name); };
  auto const decoded = [&](std::string const& name, pixel_layout layout) {
    return copy_of(decode_pixels(as_bytes(file(name)), name, 1, layout));
  };
  image const grey = decoded("grey16.tif", {1, 16}), cut = decoded("grey16.tif", {1, 8}), rgb = decoded("grey16.tif", {});
  CHECK((cut.channels == 1 && cut.bits == 8 && rgb.channels == 3 && rgb.bits == 8));
  image const wide_rgb = decoded("grey16.tif", {3, 16});
  bool same = true;
  for (int i = 0; i < grey.width * grey.height; ++i) {
    same &= cut.pixels[static_cast<std::size_t>(i)] == *(grey.at_16(0, 0) + i) >> 8;
    for (int c = 0; c < 3; ++c)
      same &= rgb.at(0, 0)[3 * i + c] == cut.at(0, 0)[i] && wide_rgb.at_16(0, 0)[3 * i + c] == grey.at_16(0, 0)[i];
  }
  CHECK(same);
  CHECK(decoded("rgba8.tif", {}).pixels == decoded("rgb8.tif", {}).pixels);  // without its transparency
  CHECK(decoded("rgba8.tif", {4, 16}).channels == 4);
  CHECK(decoded("grey_alpha8.tif", {1, 16}).pixels == decoded("grey8.tif", {1, 16}).pixels);
  CHECK(decoded("grey_alpha8.tif", {}).channels == 3);
  CHECK(decoded("bits.tif", {1, 16}).channels == 1);

  auto const refusal = [&](std::string const& name, pixel_layout layout) { return sentence([&] { decoded(name, layout); }); };
  CHECK(refusal("five8.tif", {}) == "five8.tif: expected 3 channels, found 5");
  CHECK(refusal("rgbn16.tif", {}) == "rgbn16.tif: expected 3 channels, found 4");  // the fourth is no transparency
  CHECK(refusal("rgba8.tif", {5, 16}) == "rgba8.tif: expected 5 channels, found 3 and transparency");
  CHECK(refusal("two16.tif", {1, 16}) == "two16.tif: expected 1 channel, found 2");
  CHECK(refusal("palette.tif", {1, 16}) == "palette.tif: expected 1 channel, found 3");
}

TEST_CASE("a TIFF is turned by its own orientation") {
  image const stored = read_stored_image(golden / "orientation1.tif");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    auto const path = golden / ("orientation" + std::to_string(orientation) + ".tif");
    CAPTURE(orientation);
    CHECK(inspect_image(as_bytes(io::read_file(path)), "x").orientation == orientation);
    CHECK(read_stored_image(path, exif_mode::ignore).pixels == stored.pixels);
    image const im = read_stored_image(path), expected = turned(stored, orientation);
    CHECK(im.width == expected.width);
    CHECK(im.pixels == expected.pixels);
    CHECK(check_image(path, nullptr, true, {2, 16}).facts.orientation == orientation);
  }
  CHECK(exif_orientation(as_bytes(io::read_file(golden / "orientation6_big.tif"))) == 6);
}

TEST_CASE("a TIFF that cannot be used is refused by name, before memory is asked for") {
  auto const refusal = [](std::string const& name) {
    auto const file = io::read_file(golden / "refused" / name);
    auto const said = sentence([&] { decode_image(as_bytes(file), "x.tif"); });
    CHECK(sentence([&] { inspect_image(as_bytes(file), "x.tif"); }) == said);
    return said;
  };
  std::string const kind = "x.tif: expected a TIFF of 1 to 16 channels of 8 or 16 bits without a sign, found ";
  CHECK(refusal("float.tif") == kind + "floating-point samples");
  CHECK(refusal("signed.tif") == kind + "samples with a sign");
  CHECK(refusal("whole32.tif") == kind + "samples of 32 bits");
  CHECK(refusal("complex.tif") == kind + "complex samples");
  std::string lab = io::read_file(golden / "rgb8.tif");  // the entry of PhotometricInterpretation: tag 262, one short, RGB
  auto const entry = lab.find(std::string("\x06\x01\x03\0\x01\0\0\0\x02\0", 10));
  REQUIRE(entry != lab.npos);
  lab[entry + 8] = 8;
  CHECK(sentence([&] { inspect_image(as_bytes(lab), "x.tif"); }) ==
        kind + "colours of L*a*b*, of which libtiff makes another RGB than other programs");
  CHECK(refusal("seventeen.tif") == kind + "17 channels");
  CHECK(refusal("unknown_compression.tif") == kind + "compression 34712, which this libtiff does not have");
  CHECK(refusal("large.tif") == "x.tif: expected at most 268435456 pixels, found 1152921504606846976");
  CHECK(refusal("claims.tif") == "x.tif: expected a whole TIFF, found its end missing: 130 bytes for 100000000 of pixels");
  CHECK(refusal("claims_packed.tif").find("x.tif: expected a whole TIFF, found its end missing") == 0);
  CHECK(refusal("no_pixels.tif").find("x.tif: expected a TIFF") == 0);
  CHECK(refusal("tiles.tif") == "x.tif: expected tiles as large as the image, found some of 4294967296 bytes");
}

TEST_CASE("a TIFF that is cut or damaged is decoded, or refused in one sentence") {
  ::scratch folder;
  for (std::string const name : {"five16.tif", "five8_planar_tiles.tif", "sixteen16_tiles.tif", "jpeg.tif", "grey16_big.tif", "bits.tif"}) {
    std::string const whole = io::read_file(golden / name);
    for (std::size_t n = 0; n < whole.size(); n += n < 64 ? 1 : 37) {
      auto const cut = sentence([&] { decode_image(as_bytes(whole.substr(0, n)), "x.tif"); });
      CHECK_MESSAGE(cut.find("x.tif: expected") == 0, name << ", " << n);
      std::string changed = whole;
      changed[n] = static_cast<char>(changed[n] ^ 0x55);
      auto const said = sentence([&] { inspect_image(as_bytes(changed), "x.tif"); });
      CHECK_MESSAGE((said == "nothing" || said.find("x.tif: expected") == 0), name << ", " << n << ": " << said);
    }
  }
}

TEST_CASE("the check of images knows channels and bits, from the last start too") {
  ::scratch folder;
  check_cache first;
  auto const path = golden / "five16.tif";
  auto const v = check_image(path, &first, false, {5, 16});
  CHECK((v.facts.channels.colours == 5 && v.facts.channels.bits == 16 && !v.facts.channels.transparency));
  first.add(path, v.stamp, v.facts);
  auto const rgba = check_image(golden / "rgba8.tif");
  first.add(golden / "rgba8.tif", rgba.stamp, rgba.facts);
  first.save(folder / "checked");
  check_cache const second(folder / "checked");
  CHECK(second.find(path, v.stamp)->channels.colours == 5);
  CHECK(second.find(path, v.stamp)->channels.bits == 16);
  CHECK(second.find(golden / "rgba8.tif", rgba.stamp)->channels.transparency);
  CHECK_NOTHROW(check_image(path, &second, false, {5, 16}));
  for (check_cache const* known : {static_cast<check_cache const*>(nullptr), &second})
    CHECK(sentence([&] { check_image(path, known); }) == path.string() + ": expected 3 channels, found 5");
  CHECK(sentence([&] { check_image(path, nullptr, true); }) == path.string() + ": expected 3 channels, found 5");
}

#else

TEST_CASE("without libtiff a TIFF is refused, and what to do about it is said") {
  CHECK(
      sentence([] { read_image(golden / "rgb8.tif"); }) ==
      (golden / "rgb8.tif").string() +
          ": expected a JPEG, PNG or BMP image, found a TIFF, which has to be converted first (for example: mogrify -format png FILE), or "
          "read by a build with libtiff (FRCNN_TIFF; Debian: libtiff-dev)");
}

#endif
