#include "frcnn/viz/picture.hpp"

#include "../sentence.hpp"
#include "frcnn/viz/draw.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("RGB of 8 bits stays, BGR is turned round, grey is grey") {
  image rgb(3, 2);
  for (std::size_t i = 0; i < rgb.pixels.size(); ++i) rgb.pixels[i] = static_cast<std::uint8_t>(i * 13);
  CHECK(viz::picture_of(rgb).pixels == rgb.pixels);
  image_view bgr = rgb;
  bgr.format = pixel_format::bgr;
  CHECK(viz::picture_of(bgr).at(1, 1)[0] == rgb.at(1, 1)[2]);
  image grey(2, 1, 1), two(2, 1, 2), five(2, 1, 5);
  grey.pixels = {7, 200};
  two.pixels = {7, 99, 200, 98};
  five.pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  for (image const& im : {grey, two}) CHECK(viz::picture_of(im).pixels == std::vector<std::uint8_t>{7, 7, 7, 200, 200, 200});
  CHECK(viz::picture_of(five).pixels == std::vector<std::uint8_t>{1, 2, 3, 6, 7, 8});
}

TEST_CASE("16 bits are stretched between the 1st and the 99th percentile of each channel") {
  image im(20, 20, 4, 16);
  for (int i = 0; i < 400; ++i) {
    im.at_16(0, 0)[4 * i] = static_cast<std::uint16_t>(20000 + i);  // of 400 values 4 lie below the stretch and 4 above
    im.at_16(0, 0)[4 * i + 1] = static_cast<std::uint16_t>(i == 7 ? 65535 : 300);
    im.at_16(0, 0)[4 * i + 2] = static_cast<std::uint16_t>(i < 200 ? 0 : 65535);
  }
  image const shown = viz::picture_of(im);
  auto const red = [&](int i) { return static_cast<int>(shown.pixels[static_cast<std::size_t>(3 * i)]); };
  CHECK((red(0) == 0 && red(4) == 0 && red(5) == 1 && red(200) == 128 && red(395) == 255 && red(399) == 255));
  CHECK(shown.pixels[1] == 0);  // constant but for one
  CHECK(shown.pixels[3 * 7 + 1] == 255);
  CHECK((shown.pixels[2] == 0 && shown.pixels[3 * 399 + 2] == 255));
  image dark(1, 1, 1, 16);
  CHECK(viz::picture_of(dark).pixels == std::vector<std::uint8_t>{0, 0, 0});
  image drawn = viz::picture_of(im);
  CHECK_NOTHROW(viz::draw_detections(drawn, {}, {}));
  CHECK_THROWS_AS(viz::picture_of(image()), error);
}
