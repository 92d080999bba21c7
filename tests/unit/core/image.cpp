// What a caller may hand over as an image.
#include "frcnn/core/image.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace frcnn;

namespace {

std::string refusal(image_view const& v) {
  try {
    check(v);
  } catch (error const& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("image: views that are images, and views that are not") {
  std::vector<std::uint8_t> const pixels(400);
  image_view const good{pixels.data(), 5, 4, pixel_format::rgb, 0};
  auto const with = [&](auto change) {
    image_view v = good;
    change(v);
    return refusal(v);
  };
  CHECK(refusal(good) == "");
  CHECK(with([](auto& v) { v.row_stride = 15; }) == "");
  CHECK(with([](auto& v) { v.row_stride = 20; }) == "");
  CHECK(with([](auto& v) { v.row_stride = -15; }) == "");  // from the last row up
  CHECK(with([](auto& v) { v.format = pixel_format::grey, v.row_stride = 5; }) == "");

  CHECK(with([](auto& v) { v.data = nullptr; }) == "image: expected pixels, found none");
  CHECK(with([](auto& v) { v.width = 0; }) == "image: expected pixels, found a size of 0 x 4");
  CHECK(with([](auto& v) { v.height = -4; }) == "image: expected pixels, found a size of 5 x -4");
  CHECK(with([](auto& v) { v.row_stride = 14; }) == "image: expected a row stride of 0, or at least the 15 bytes of a row, found 14");
  CHECK(with([](auto& v) { v.row_stride = -5; }).find("row stride") != std::string::npos);
  CHECK(with([](auto& v) { v.row_stride = 5; }).find("found 5") != std::string::npos);  // pixels instead of bytes
  CHECK(with([](auto& v) { v.format = static_cast<pixel_format>(7); }) ==
        "image: expected the pixel format rgb, bgr, grey or multichannel, found number 7");
}

TEST_CASE("image: several channels, of 16 bits") {
  alignas(2) std::uint8_t const pixels[400] = {};
  image_view const good{pixels, 5, 4, pixel_format::multichannel, 0, 16, 7};
  CHECK(refusal(good) == "");
  CHECK(good.channels() == 7);
  CHECK(good.stride() == 70);
  auto const with = [&](auto change) {
    image_view v = good;
    change(v);
    return refusal(v);
  };
  CHECK(with([](auto& v) { v.row_stride = 72; }) == "");
  CHECK(with([](auto& v) { v.format = pixel_format::grey; }) == "");
  CHECK(with([](auto& v) { v.row_stride = 35; }) == "image: expected a row stride of 0, or at least the 70 bytes of a row, found 35");
  CHECK(with([](auto& v) { v.row_stride = 71; }) ==
        "image: expected pixels of 16 bits at even addresses, found rows that begin at odd ones");
  CHECK(with([](auto& v) { v.data += 1; }) == "image: expected pixels of 16 bits at even addresses, found rows that begin at odd ones");
  CHECK(with([](auto& v) { v.bits = 12; }) == "image: expected channels of 8 or 16 bits, found 12 bits");
  for (int const n : {0, -1, 17}) CHECK(with([&](auto& v) { v.channel_count = n; }).find("1 to 16 channels, found ") != std::string::npos);

  image im(5, 4, 7, 16);
  CHECK_NOTHROW(check(im));
  CHECK(im.pixels.size() == 280);
  im.at_16(3, 2)[6] = 65535;
  CHECK(im.at(3, 2)[12] == 255);
  CHECK(image_view(im).channels() == 7);
  im.pixels.pop_back();
  CHECK_THROWS_AS(check(im), error);
  CHECK_THROWS_AS(image(5, 4, 17), error);
  CHECK_THROWS_AS(image(5, 4, 3, 32), error);
  CHECK_THROWS_AS(check_rgb(image(5, 4, 1)), error);
  CHECK_THROWS_AS(check_rgb(image(5, 4, 3, 16)), error);
  CHECK_NOTHROW(check_rgb(image(5, 4)));
  // One channel fills three, and no other number.
  CHECK(has_channels(image(5, 4, 1), 3));
  CHECK_FALSE(has_channels(image(5, 4, 1), 5));
  CHECK_FALSE(has_channels(image(5, 4), 1));
}

TEST_CASE("image: one that owns its pixels has as many as it says") {
  image im(4, 3);
  CHECK_NOTHROW(check(im));
  im.width = 5;
  CHECK_THROWS_WITH_AS(check(im), "image: expected 5 x 3 pixels of 3 bytes, found 36 bytes", error);
  CHECK_THROWS_AS(static_cast<void>(image_view(im)), error);  // what detect is given
  CHECK_THROWS_AS(check(image()), error);
  CHECK_THROWS_AS(image(-1, 3), error);
}
