#include "frcnn/geometry/image_pyramid.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("image_pyramid: a region is seen where its area is nearest to the one that is asked for") {
  image_pyramid const p{{480, 576, 688, 864, 1200}, 224};
  // An image of 480 x 600: scales 1, 1.2, 1.433, 1.8, 2.5.
  std::vector<double> factor;
  for (int const side : p.short_sides) factor.push_back(static_cast<double>(side) * side / (480. * 480.));
  auto const scale = [&](float w, float h) { return p.scale_of({10, 10, 10 + w, 10 + h}, factor); };
  CHECK(scale(224, 224) == 0);
  CHECK(scale(600, 480) == 0);
  CHECK(scale(448, 112) == 0);
  CHECK(scale(187, 187) == 1);
  CHECK(scale(156, 156) == 2);
  CHECK(scale(124, 124) == 3);
  CHECK(scale(90, 90) == 4);
  CHECK(scale(4, 4) == 4);
  CHECK(p.scale_of({0, 0, 100, 100}, std::vector<double>{4, 4}) == 0);  // of equals the first
  CHECK(image_pyramid{{1, 2}, 150}.scale_of({0, 0, 150, 150}, std::vector<double>{1, 4}) == 0);
  CHECK_FALSE(image_pyramid{}.is_there());
}
