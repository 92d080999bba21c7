#include "frcnn/data/jpeg.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/image_io.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
namespace fs = std::filesystem;

namespace {

fs::path const jpeg_images = "tests/golden/images";

std::string jpeg_refusal(std::string const& file) {
  std::string const said = sentence([&] { decode_image(as_bytes(file), "x"); });
  CHECK(sentence([&] { inspect_image(as_bytes(file), "x"); }) == said);
  return said;
}

}  // namespace

#if FRCNN_HAS_TURBOJPEG
namespace {

// Of a size that leaves much to cut off.
std::string noise_jpeg() {
  image im(96, 64);
  std::uint32_t state = 1;
  for (auto& v : im.pixels) v = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return encode_jpeg(im, 90);
}

}  // namespace

TEST_CASE("half a JPEG with an end marker is refused, wherever it was cut") {
  std::string const file = noise_jpeg();
  CHECK(jpeg_refusal(file) == "nothing");
  std::size_t const scan = file.find("\xFF\xDA") + 14;
  for (std::size_t n = scan; n + 40 < file.size(); n += 97)
    CHECK(jpeg_refusal(file.substr(0, n) + "\xFF\xD9").find("x: expected a JPEG that can be decoded, found a fault in it (") == 0);
  CHECK(jpeg_refusal(file.substr(0, file.size() / 2) + "\xFF\xD9") ==
        "x: expected a JPEG that can be decoded, found a fault in it (Corrupt JPEG data: premature end of data segment)");
}

TEST_CASE("a progressive JPEG that ends between two scans is refused, or remarked where only last bits are missing") {
  std::string const file = io::read_file(jpeg_images / "yuv420_progressive.jpg");
  std::vector<std::size_t> scans;
  for (std::size_t at = 0; (at = file.find("\xFF\xDA", at)) != file.npos; at += 2) scans.push_back(at);
  REQUIRE(scans.size() == 10);
  auto const cut = [&](std::size_t n) {  // the first n scans; tables of the next one lie between them
    std::size_t end = scans[n];
    for (std::size_t const table : {file.rfind("\xFF\xC4", end), file.rfind("\xFF\xDD", end)})
      if (table != file.npos && table > scans[n - 1]) end = table;
    return file.substr(0, end) + "\xFF\xD9";
  };
  for (std::size_t const n : {1, 3, 4})
    CHECK(jpeg_refusal(cut(n)) ==
          "x: expected a JPEG that can be decoded, found a fault in it (scans missing at the end of a progressive file)");
  for (std::size_t const n : {6, 9}) {
    CHECK(jpeg_refusal(cut(n)) == "nothing");
    CHECK(inspect_image(as_bytes(cut(n)), "x").remark == "a progressive file without its last scans");
  }
  CHECK(inspect_image(as_bytes(file), "x").remark.empty());
}

TEST_CASE("decoding that nobody waits for is given up, a verdict is not") {
  std::string const file = noise_jpeg();
  std::atomic<bool> const flag{true};
  {
    abandonable const scope(flag);
    CHECK_THROWS_AS(decode_image(as_bytes(file), "x"), abandoned);
    CHECK(inspect_image(as_bytes(file), "x").width == 96);
  }
  CHECK(jpeg_refusal(file) == "nothing");
}

TEST_CASE("what libjpeg only wonders about is a remark, and the pixels are those without it") {
  std::string const file = noise_jpeg(), more = file.substr(0, file.size() - 2) + std::string(40, '\0') + "\xFF\xD9";
  CHECK(jpeg_refusal(more) == "nothing");
  CHECK(decode_image(as_bytes(more), "x").pixels == decode_image(as_bytes(file), "x").pixels);
  CHECK(inspect_image(as_bytes(file), "x").remark == "");
  CHECK(inspect_image(as_bytes(more), "x").remark.find("extraneous bytes before marker 0xd9") != std::string::npos);
}

TEST_CASE("a JPEG of two channels is refused") {
  std::string file = io::read_file(jpeg_images / "baseline.jpg");
  std::size_t const frame = file.find("\xFF\xC0");
  std::string const two = file.substr(0, frame) + std::string("\xFF\xC0\0\x0E\x08\0\x0D\0\x12\2", 10) + file.substr(frame + 10, 6) +
                          std::string("\xFF\xDA\0\x0A\2\1\0\2\x11\0\x3F\0", 12) + "abc\xFF\xD9";
  CHECK(jpeg_refusal(two).find("x: expected a JPEG that can be decoded, found a fault in it (") == 0);
}
#endif

TEST_CASE("four channels without Adobe's marker are refused: nothing says what they are") {
  std::string const file = io::read_file(jpeg_images / "refused/inks_without_marker.jpg");
  CHECK(jpeg_refusal(file) ==
        "x: expected a JPEG whose colours are known, found four channels without Adobe's marker, which says what they are; save it as RGB");
}
