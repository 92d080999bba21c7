#include "frcnn/data/image_io.hpp"

#include "../io/scratch.hpp"
#include "frcnn/io/safetensors.hpp"
#include "wide_png.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace frcnn;
using namespace frcnn::data;
namespace fs = std::filesystem;

namespace {

fs::path const golden = "tests/golden";

std::string golden_file(std::string const& name) { return io::read_file(golden / "images" / name); }

std::string refusal(std::string const& file) {
  return sentence([&] { decode_image(as_bytes(file), "x"); });
}

image checks(int w, int h) {
  image im(w, h);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      for (int c = 0; c < 3; ++c) im.at(x, y)[c] = static_cast<std::uint8_t>(x * 5 + y * 3 + c * 80);
  return im;
}

}  // namespace

TEST_CASE("every kind of file is RGB as Pillow sees it") {
  io::safetensors_file const expected(golden / "images.safetensors");
  int files = 0;
  for (auto const& entry : fs::directory_iterator(golden / "images")) {
    if (entry.is_directory()) continue;
    std::string const name = entry.path().filename().string();
    CAPTURE(name);
    image const im = read_image(entry.path(), exif_mode::ignore);
    REQUIRE(im.width == 18);
    REQUIRE(im.height == 13);
    auto const pixels = expected.read<std::uint8_t>(name);
    REQUIRE(pixels.size() == im.pixels.size());
    int worst = 0;
    double sum = 0;
    for (std::size_t i = 0; i < im.pixels.size(); ++i) {
      int const off = std::abs(im.pixels[i] - static_cast<int>(pixels[i]));
      worst = std::max(worst, off);
      sum += off;
    }
    // libjpeg-turbo is what Pillow decodes with; stb rounds differently, and takes colour that was stored at half the width from other
    // places
    bool const same = entry.path().extension() != ".jpg" || FRCNN_HAS_TURBOJPEG;
    CHECK(worst <= (same ? 0 : name.find("yuv422") == 0 ? 64 : 8));
    CHECK(sum / static_cast<double>(pixels.size()) < 2);

    image_facts const facts = inspect_image(as_bytes(golden_file(name)), name);
    CHECK(facts.width == im.width);
    CHECK(facts.height == im.height);
    CHECK(facts.narrow == "");
    CHECK(facts.remark == "");
    ++files;
  }
  CHECK(files == 40);
}

TEST_CASE("an image is turned as EXIF says, unless it is to be left as stored") {
  io::safetensors_file const expected(golden / "images.safetensors");
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (std::string const suffix : {"png", "jpg"}) {
      std::string const name = "orientation" + std::to_string(orientation) + "." + suffix;
      CAPTURE(name);
      CHECK(inspect_image(as_bytes(golden_file(name)), name).orientation == orientation);
      image const im = read_image(golden / "images" / name), stored = read_image(golden / "images" / name, exif_mode::ignore);
      CHECK(im.width == (orientation > 4 ? 13 : 18));
      CHECK(im.height == (orientation > 4 ? 18 : 13));
      CHECK(stored.width == 18);
      CHECK((im.pixels == stored.pixels) == (orientation == 1));
      if (suffix == "png" || FRCNN_HAS_TURBOJPEG) CHECK(im.pixels == expected.read<std::uint8_t>(name + ".turned"));
    }
}

TEST_CASE("content decides, not the name") {
  ::scratch folder;
  io::write_file_atomically(folder / "a.jpg", golden_file("rgb.png"));
  io::write_file_atomically(folder / "b.png", golden_file("baseline.jpg"));
  CHECK(read_image(folder / "a.jpg").pixels == read_image(golden / "images/rgb.png").pixels);
  CHECK(read_image(folder / "b.png").pixels == read_image(golden / "images/baseline.jpg").pixels);
}

TEST_CASE("an image cut anywhere is refused, by the data check too, and any EXIF cut anywhere is survived") {
  for (std::string name :
       {"baseline.jpg", "progressive.jpg", "restart.jpg", "turned.jpg", "inks.jpg", "rgb.png", "turned.png", "rgb.bmp", "palette.bmp"}) {
    std::string const file = golden_file(name);
    CAPTURE(name);
    std::size_t const filling = name.find(".bmp") == std::string::npos ? 0 : 2;  // of the last row, which some writers leave out
    for (std::size_t n = 0; n < file.size() - filling; ++n) {
      std::string const cut = file.substr(0, n);
      std::string const said = refusal(cut);
      CHECK_MESSAGE(said.find("x: expected a") == 0, n);
      CHECK(sentence([&] { inspect_image(as_bytes(cut), "x"); }) == said);
      (void)exif_orientation(as_bytes(cut));
    }
    CHECK(refusal(file) == "nothing");
    CHECK(refusal(file + "trailing bytes \xFF\xFF") == "nothing");
  }
}

TEST_CASE("a BMP is read from either end, with or without a palette, and refused where rows are missing") {
  auto const number = [](std::uint32_t v, int n) {
    std::string s;
    for (int i = 0; i < n; ++i) s += static_cast<char>(v >> 8 * i & 0xFF);
    return s;
  };
  auto const bmp = [&](int width, int height, int bits, std::string const& palette, std::string const& rows) {
    std::string const rest = number(40, 4) + number(static_cast<std::uint32_t>(width), 4) + number(static_cast<std::uint32_t>(height), 4) +
                             number(1, 2) + number(static_cast<std::uint32_t>(bits), 2) + std::string(16, '\0') +
                             number(static_cast<std::uint32_t>(palette.size() / 4), 4) + number(0, 4) + palette;
    auto const first = static_cast<std::uint32_t>(14 + rest.size());
    return "BM" + number(first + static_cast<std::uint32_t>(rows.size()), 4) + number(0, 4) + number(first, 4) + rest + rows;
  };
  std::string const lower("\1\2\3\4\5\6\0\0", 8), upper("\x11\x12\x13\x14\x15\x16\0\0", 8);
  std::vector<std::uint8_t> const pixels{0x13, 0x12, 0x11, 0x16, 0x15, 0x14, 3, 2, 1, 6, 5, 4};  // from blue, green, red
  std::string const file = bmp(2, 2, 24, "", lower + upper);
  CHECK(decode_image(as_bytes(file), "x").pixels == pixels);
  CHECK(decode_image(as_bytes(bmp(2, -2, 24, "", upper + lower)), "x").pixels == pixels);
  std::string const colours("\3\2\1\0\x13\x12\x11\0", 8), rows("\1\0\0\0\0\1\0\0", 8);
  CHECK(decode_image(as_bytes(bmp(2, 2, 8, colours, rows)), "x").pixels ==
        std::vector<std::uint8_t>{1, 2, 3, 0x11, 0x12, 0x13, 0x11, 0x12, 0x13, 1, 2, 3});
  for (std::size_t n = 0; n < file.size() - 2; ++n) CHECK_MESSAGE(refusal(file.substr(0, n)).find("x: expected a") == 0, n);
  CHECK(refusal(file.substr(0, file.size() - 3)) == "x: expected a whole BMP, found its end missing");
  CHECK(refusal(bmp(1 << 30, 1 << 30, 24, "", lower)).find("found its end missing") != std::string::npos);
  CHECK(refusal(bmp(2, INT_MIN, 24, "", lower)).find("x: expected") == 0);
  CHECK(refusal(bmp(0, 2, 24, "", lower)).find("x: expected") == 0);
}

TEST_CASE("what is wrong is said") {
  CHECK(refusal("") == "x: expected a " FRCNN_IMAGE_FORMATS " image, found an empty file");
  CHECK(refusal(std::string("\x89PNG\r\n\x1A\n\0\0\0\4CgBI\0\0\0\0", 20)) ==
        "x: expected a " FRCNN_IMAGE_FORMATS
        " image, found Apple's own form of PNG (CgBI), of an app's pictures, which has to be converted first (for example: mogrify -format "
        "png "
        "FILE)");
  CHECK(refusal("pixels") == "x: expected a " FRCNN_IMAGE_FORMATS " image, found none of them");
  CHECK(refusal("BMW") == "x: expected a " FRCNN_IMAGE_FORMATS " image, found none of them");
  CHECK(refusal("GIF89a and more") == "x: expected a " FRCNN_IMAGE_FORMATS
                                      " image, found a GIF, which has to be converted first (for example: mogrify -format png FILE)");
  CHECK(refusal("RIFF....WEBPVP8 ").find("found a WebP, which") != std::string::npos);
  for (std::string const& start : {std::string("II*\0....", 8), std::string("MM\0*....", 8)})
    CHECK(refusal(start).find(FRCNN_HAS_TIFF ? "x: expected a TIFF that can be decoded" : "found a TIFF, which") != std::string::npos);
  CHECK(refusal("....ftypheic").find("found a HEIC, which") != std::string::npos);
  CHECK(refusal("version https://git-lfs.github.com/spec/v1").find("found a pointer of Git LFS") != std::string::npos);
  CHECK(refusal("<!DOCTYPE html>").find("found an HTML page") != std::string::npos);
  std::string const jpeg = golden_file("baseline.jpg"), png = golden_file("rgb.png");
  CHECK(refusal(jpeg.substr(0, jpeg.size() - 2)) == "x: expected a whole JPEG, found its end missing");
  CHECK(refusal(png.substr(0, png.size() - 12)) == "x: expected a whole PNG, found its end missing");

  std::string no_frame = jpeg.substr(0, 2) + "\xFF\xD9";  // nothing between start and end
  CHECK(refusal(no_frame).find("x: expected a JPEG that can be decoded, found a fault in it (") == 0);
  std::string broken = png;
  for (std::size_t i = 45; i < 120; ++i) broken[i] = static_cast<char>(i * 7);
  CHECK(refusal(broken).find("x: expected a PNG that can be decoded, found a fault in it (") == 0);

  for (std::size_t i : {23u, 60u, 200u}) {  // one bit, which stb decodes to other pixels
    std::string flipped = png;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    CHECK(refusal(flipped) == "x: expected a PNG that can be decoded, found a fault in it (wrong checksum)");
  }

  std::string huge = png;  // claims 60000 x 60000
  for (std::size_t at : {18u, 22u}) huge[at] = static_cast<char>(0xEA), huge[at + 1] = 0x60;
  CHECK(refusal(huge) == "x: expected at most 268435456 pixels, found 3600000000");

  // twice a start of frame: the larger one counts
  std::string twice = jpeg;
  std::size_t const frame = twice.find("\xFF\xC0");
  std::string claim = twice.substr(frame, 2 + 17);
  for (std::size_t at : {5u, 7u}) claim[at] = static_cast<char>(0xEA), claim[at + 1] = 0x60;
  CHECK(refusal(twice.substr(0, frame) + claim + twice.substr(frame)) == "x: expected at most 268435456 pixels, found 3600000000");
  std::string scans = jpeg.substr(0, jpeg.size() - 2);
  for (int i = 0; i < 500; ++i) scans += std::string("\xFF\xDA\0\2", 4);
  CHECK(refusal(scans + "\xFF\xD9") == "x: expected a JPEG of at most 500 scans, found 501");

  ::scratch folder;
  CHECK(sentence([&] { read_image(folder / "none.jpg"); }) ==
        (folder / "none.jpg").string() + ": expected a file, found nothing at that place");
  CHECK(sentence([&] { read_image(folder.path); }) == folder.path.string() + ": expected a file, found a folder");
}

TEST_CASE("damaged files are refused or decoded, never worse") {
  std::uint32_t state = 12345;
  auto const random = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  int refused = 0;
  for (std::string name :
       {"baseline.jpg", "progressive.jpg", "turned.jpg", "inks.jpg", "restart.jpg", "rgb.png", "palette.png", "palette.bmp", "bits.bmp"}) {
    std::string const file = golden_file(name);
    for (int round = 0; round < 200; ++round) {
      std::string damaged = file;
      for (int k = 0; k < 3; ++k) damaged[2 + random() % (file.size() - 2)] = static_cast<char>(random());
      std::string const said = refusal(damaged);
      CHECK((said == "nothing" || said.find("x: expected ") == 0));
      refused += said != "nothing";
      // the check decodes less, and never says yes to what cannot be decoded afterwards
      CHECK((sentence([&] { inspect_image(as_bytes(damaged), "x"); }) == "nothing") == (said == "nothing"));
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("16 bits of which few values are used are told") {
  auto const grey16 = [](int a, int b) { return wide_png(2, 1, 1, {a, b}); };
  auto const narrow = [&](int a, int b) { return inspect_image(as_bytes(grey16(a, b)), "x").narrow; };
  CHECK(narrow(28000, 28299) == "28000 to 28299 of 65535 become 109 to 110 of 255");
  CHECK(narrow(0, 65535) == "");
  CHECK(narrow(40000, 40000 - 31 * 256) == "");
  CHECK(narrow(40000, 40000 - 30 * 256) == "32320 to 40000 of 65535 become 126 to 156 of 255");
}

TEST_CASE("a PNG comes back as it was written") {
  ::scratch folder;
  for (auto [w, h] : {std::pair{1, 1}, {37, 5}, {64, 64}}) {
    image const im = checks(w, h);
    write_png(folder / "a.png", im);
    image const back = read_image(folder / "a.png");
    CHECK(back.width == w);
    CHECK(back.height == h);
    CHECK(back.pixels == im.pixels);
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("a JPEG comes back nearly as it was written") {
  image const im = checks(32, 24), back = decode_image(as_bytes(encode_jpeg(im, 95)), "x");
  REQUIRE(back.pixels.size() == im.pixels.size());
  double sum = 0;
  for (std::size_t i = 0; i < im.pixels.size(); ++i) sum += std::abs(im.pixels[i] - back.pixels[i]);
  CHECK(sum / static_cast<double>(im.pixels.size()) < 4);
}

TEST_CASE("what cannot be written is an error") {
  ::scratch folder;
  CHECK(sentence([&] { write_png(folder / "none" / "a.png", checks(2, 2)); }).find("expected a folder to write into") != std::string::npos);
  CHECK(sentence([] { write_png("/dev/full", checks(2, 2)); }) == "/dev/full: expected room on the disk, found a full disk");
  CHECK(sentence([&] { write_png(folder / "a.png", image()); }) == "PNG: expected an image with pixels, and memory for it, found 0 x 0");
  image fewer(4, 4);
  fewer.height = 400;
  CHECK(sentence([&] { write_png(folder / "a.png", fewer); }) == "image: expected 4 x 400 pixels of 3 bytes, found 48 bytes");
  CHECK(sentence([&] { encode_jpeg(fewer); }) == "image: expected 4 x 400 pixels of 3 bytes, found 48 bytes");
  CHECK(folder.entries() == 0);
}
