#include "frcnn/geometry/anchors.hpp"

#include "../sentence.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "golden.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <type_traits>

using namespace frcnn;
using conventions::caffe;
using tv = conventions::torchvision;
static_assert(std::is_trivially_copyable_v<grid_anchors<5>> && std::is_trivially_copyable_v<anchor_grid<5>> &&
              std::is_trivially_copyable_v<cell>);

namespace {

// The tables have inclusive corners.
box<float> inclusive(float x1, float y1, float x2, float y2) { return {x1, y1, x2 + 1, y2 + 1}; }

}  // namespace

TEST_CASE("anchors: py-faster-rcnn's table") {
  auto const a = make_anchors<caffe, 1>({{128, 256, 512}}, {.5, 1, 2});
  box<float> const table[] = {inclusive(-84, -40, 99, 55), inclusive(-176, -88, 191, 103),  inclusive(-360, -184, 375, 199),
                              inclusive(-56, -56, 71, 71), inclusive(-120, -120, 135, 135), inclusive(-248, -248, 263, 263),
                              inclusive(-36, -80, 51, 95), inclusive(-80, -168, 95, 183),   inclusive(-168, -344, 183, 359)};
  REQUIRE(a.per_cell() == 9);
  for (int k = 0; k < 9; ++k) CHECK(a.base[0][k] == table[k]);

  auto const coco = make_anchors<caffe, 1>({{64, 128, 256, 512}}, {.5, 1, 2});
  REQUIRE(coco.per_cell() == 12);
  CHECK(coco.base[0][0] == inclusive(-38, -16, 53, 31));
  CHECK(coco.base[0][4] == inclusive(-24, -24, 39, 39));
  CHECK(coco.base[0][8] == inclusive(-14, -36, 29, 51));
  for (int ratio = 0; ratio < 3; ++ratio)
    for (int k = 0; k < 3; ++k) CHECK(coco.base[0][ratio * 4 + 1 + k] == table[ratio * 3 + k]);
}

TEST_CASE("anchors: torchvision's, to the bit") {
  auto const cases = golden("base");
  REQUIRE(cases.size() == 104);
  for (auto const& v : cases) CHECK(tv::base_anchor(v[0], v[1]).as<float>() == box<float>{v[2], v[3], v[4], v[5]});

  auto const fpn = make_anchors<tv, 5>({{32}, {64}, {128}, {256}, {512}}, {.5, 1, 2});
  REQUIRE(fpn.per_cell() == 3);
  CHECK(fpn.base[0][0] == box<float>{-23, -11, 23, 11});
  CHECK(fpn.base[0][1] == box<float>{-16, -16, 16, 16});
  CHECK(fpn.base[0][2] == box<float>{-11, -23, 11, 23});
  CHECK(fpn.base[2][0] == box<float>{-91, -45, 91, 45});
}

TEST_CASE("anchors: torchvision's order over levels, rows, columns and anchors") {
  auto const a = make_anchors<tv, 2>({{24, 48}, {96, 192}}, {.5, 1, 2});
  auto const cases = golden("grid");
  REQUIRE(cases.size() == 36);
  for (auto const& v : cases) {
    auto const n = [&](int i) { return static_cast<int>(v[i]); };
    map_extent const maps[] = {{n(2), n(3)}, {n(4), n(5)}};
    auto const grid = make_anchor_grid<tv>(n(0), n(1), maps, {8, 16});
    CHECK(a.at<float>(grid.cell_of(n(6), a.per_cell())) == box<float>{v[7], v[8], v[9], v[10]});
  }
}

TEST_CASE("anchors: counts over VGG-16's ceil maps") {
  struct {
    int w, map_h, map_w, all, inside;
  } const cases[] = {{800, 38, 50, 17100, 5944}, {1000, 38, 63, 21546, 8151}};
  auto const a = make_anchors<caffe, 1>({{128, 256, 512}}, {.5, 1, 2});
  for (auto const& k : cases) {
    map_extent const maps[] = {{k.map_h, k.map_w}};
    auto const grid = make_anchor_grid<caffe>(600, k.w, maps, {16});
    REQUIRE(grid.anchors(a.per_cell()) == k.all);
    int inside = 0, tallest = 0;
    for (int i = 0; i < k.all; ++i) {
      auto const c = grid.cell_of(i, a.per_cell());
      bool const in = caffe::may_train(a.at<double>(c), 600.0, double(k.w));
      inside += in;
      tallest += in && c.k == 8;
    }
    CHECK(inside == k.inside);
    CHECK(tallest == 0);  // 704 pixels tall
  }
}

TEST_CASE("anchors: an index names one anchor") {
  map_extent const maps[] = {{7, 5}, {4, 3}, {2, 2}};
  auto const grid = make_anchor_grid<tv>(60, 40, maps, {8, 16, 32});
  CHECK(grid.cells == 35 + 12 + 4);
  CHECK(grid.level[0].stride_y == 8);
  CHECK(grid.level[1].stride_x == 13);  // 40 / 3, not 16
  for (int per_cell : {1, 3, 32})
    for (int i = 0; i < grid.anchors(per_cell); ++i) {
      auto const c = grid.cell_of(i, per_cell);
      CHECK(grid.index_of(c, per_cell) == i);
      CHECK((c.y >= 0 && c.y < maps[c.level].h && c.x >= 0 && c.x < maps[c.level].w && c.k >= 0 && c.k < per_cell));
    }
}

TEST_CASE("anchors: wrong values are named") {
  CHECK(sentence([] { make_anchors<tv, 2>({{32}}, {1}); }) == "anchor sizes: expected one list for each of 2 levels, found 1 lists");
  CHECK(sentence([] {
          make_anchors<tv, 2>({{32}, {32, 64}}, {1});
        }) == "anchor sizes: expected 1 for each level, as for the first, found 2");
  CHECK(sentence([] { make_anchors<tv, 1>({{32}}, {}); }).find("anchor ratios: expected at least one") == 0);
  CHECK(sentence([] { make_anchors<tv, 1>({{}}, {1}); }).find("anchor sizes: expected at least one") == 0);
  CHECK(sentence([] { make_anchors<tv, 2>({{32}, {}}, {1}); }).find("anchor sizes") == 0);
  CHECK(sentence([] { make_anchors<tv, 1>({{-32}}, {1}); }).find("anchor sizes: expected positive numbers") == 0);
  CHECK(sentence([] { make_anchors<tv, 1>({{32}}, {0}); }).find("anchor ratios: expected positive numbers") == 0);
  CHECK(sentence([] { make_anchors<tv, 1>({{std::numeric_limits<double>::quiet_NaN()}}, {1}); }).find("anchor sizes: expected positive") ==
        0);
  CHECK(sentence([] { make_anchors<tv, 1>({{1e30}}, {1}); }) ==
        "anchors: expected sides of at most 65536 pixels, found size 1e+30 with ratio 1");
  CHECK(sentence([] { make_anchors<tv, 1>({{16384}}, {100}); }).find("anchors: expected sides of at most 65536 pixels") == 0);
  CHECK(sentence([] { make_anchors<tv, 1>({{.5}}, {1}); }).find("anchors: expected sides of at least one pixel") == 0);
  CHECK(sentence([] {
          make_anchors<tv, 1>({std::vector<double>(11, 32)}, {.5, 1, 2});
        }) == "anchors: expected at most 32 for each cell, found 33");
  CHECK(make_anchors<tv, 1>({std::vector<double>(16, 32)}, {.5, 1}).per_cell() == 32);
}
