#include "frcnn/core/pixels.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace frcnn;
static_assert(std::is_trivially_copyable_v<pixel_normalisation>);

TEST_CASE("pixels: torchvision's and the authors' normalisation") {
  auto const rgb = pixel_normalisation::imagenet(), bgr = pixel_normalisation::caffe();
  CHECK(rgb(255.0, 0) == doctest::Approx((1 - .485) / .229));
  CHECK(rgb(0.0, 2) == doctest::Approx(-.406 / .225));
  CHECK(rgb(51.0, 1) == doctest::Approx((.2 - .456) / .224));
  CHECK(bgr(255.0, 0) == doctest::Approx(152.0199));
  CHECK(bgr(0.0, 2) == doctest::Approx(-122.7717));
  CHECK(rgb.source_channel(0) == 0);
  CHECK(bgr.source_channel(0) == 2);
  CHECK(bgr.source_channel(1) == 1);
  CHECK(rgb == pixel_normalisation::imagenet());
  CHECK_FALSE(rgb == bgr);
  CHECK(rgb.deviation_of_photographs() == 1);
  CHECK(bgr.deviation_of_photographs() == doctest::Approx(255 * .226));

  pixel_normalisation const five{.range = 1, .mean = {.1, .2, .3, .4, .5}, .deviation = {1, 1, 1, 1, .25}, .channels = 5};
  CHECK(five(65535.0, 4, 65535.0) == 2);
  CHECK(five.source_channel(4) == 4);
  pixel_normalisation other = five;
  other.mean[7] = 9;  // beyond its channels
  CHECK(five == other);
  other.mean[4] = 9;
  CHECK_FALSE(five == other);
  CHECK_FALSE(pixel_normalisation{.channels = 1} == pixel_normalisation{.channels = 2});
}
