#include "frcnn/geometry/region.hpp"

#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace frcnn;
using conventions::caffe;
using conventions::torchvision;

TEST_CASE("region: mirrored, scaled, clipped, in both conventions") {
  resize_plan const twice{200, 100, 2, 2, .5, .5};
  region const r{{60, 10, 110, 30}};
  CHECK(region_in_input<torchvision>(r, 100, false, twice) == box<float>{120, 20, 200, 60});
  CHECK(region_in_input<torchvision>(r, 100, true, twice) == box<float>{0, 20, 80, 60});
  // The inclusive corner is multiplied: 29 * 2 + 1.
  CHECK(region_in_input<caffe>(r, 100, false, twice) == box<float>{120, 20, 200, 59});
  CHECK(region_in_input<caffe>(r, 100, true, twice) == box<float>{0, 20, 79, 59});
}

TEST_CASE("region: the best by score, in the order given where scores are equal") {
  auto const left = [](std::vector<region> list, int most) {
    best_regions(list, most);
    std::vector<float> x;
    for (auto const& r : list) x.push_back(r.where.x1);
    return x;
  };
  std::vector<region> const list{{{0, 0, 1, 1}, .5f}, {{1, 0, 2, 1}, .9f}, {{2, 0, 3, 1}, .5f}, {{3, 0, 4, 1}, -2}};
  CHECK(left(list, 10) == std::vector<float>{1, 0, 2, 3});
  CHECK(left(list, 2) == std::vector<float>{1, 0});
  CHECK(left(regions_of(std::vector<box<float>>{{5, 0, 6, 1}, {4, 0, 5, 1}, {7, 0, 8, 1}}), 2) == std::vector<float>{5, 4});
}

TEST_CASE("region: what is none is refused by name") {
  auto const said = [](region const& r) -> std::string {
    try {
      check_region(r, 20, 10, [] { return std::string("region 3"); });
    } catch (error const& e) {
      return e.what();
    }
    return "";
  };
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(said({{-5, -5, 40, 40}}) == "");
  CHECK(said({{19, 9, 30, 11}}) == "");
  for (box<float> const b : {box<float>{5, 1, 1, 5}, {1, 5, 5, 1}, {1, 1, 1, 5}, {nan, 1, 5, 5}, {1, 1, inf, 5}, {-inf, 1, 5, 5}})
    CHECK(said({b}).starts_with("region 3: expected a box of finite corners with x1 < x2 and y1 < y2, found ("));
  for (box<float> const b : {box<float>{20, 1, 25, 5}, {1, 10, 5, 15}, {-5, 1, 0, 5}, {1, -5, 5, 0}})
    CHECK(said({b}).starts_with("region 3: expected a box that meets its image of 20 x 10 pixels, found ("));
  CHECK(said({{1, 1, 5, 5}, nan}) == "region 3: expected a score that is a number, found NaN");
}
