// Boxes are half-open, and detections are equal where all of them is.
#include "frcnn/geometry/box.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace frcnn;

TEST_CASE("box: half-open, so a side is the difference of its ends") {
  box<float> const b{10, 20, 30.5f, 40};
  CHECK(b.width() == 20.5f);
  CHECK(b.height() == 20);
  CHECK(b.area() == 410);
  CHECK(to_string(b) == "(10, 20, 30.5, 40)");
}

TEST_CASE("detections are equal where box, score and label are") {
  detection const a{{0, 0, 10, 10}, .5f, 1};
  CHECK(a == detection{{0, 0, 10, 10}, .5f, 1});
  CHECK(a != detection{{0, 0, 10, 11}, .5f, 1});
  CHECK(a != detection{{0, 0, 10, 10}, .25f, 1});
  CHECK(a != detection{{0, 0, 10, 10}, .5f, 2});
  CHECK(std::vector{a, a} != std::vector{a});
}
