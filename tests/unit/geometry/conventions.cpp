#include "frcnn/geometry/conventions.hpp"

#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/iou.hpp"
#include "golden.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace frcnn;
using conventions::caffe;
using tv = conventions::torchvision;

TEST_CASE("conventions: caffe rounds the resized extent, once one scale is chosen") {
  struct {
    int w, h, short_side, max_side, out_w, out_h;
  } const cases[] = {{640, 480, 600, 1000, 800, 600},
                     {500, 375, 600, 1000, 800, 600},
                     {500, 333, 600, 1000, 901, 600},
                     {353, 500, 600, 1000, 600, 850},
                     {599, 799, 600, 1000, 600, 800},
                     {1000, 300, 600, 1000, 1000, 300},
                     {2501, 1500, 600, 1000, 1000, 600},  // 1000.4 rounds to the limit and stays
                     {21, 16, 8, 100, 10, 8},             // 10.5 to even
                     {23, 16, 8, 100, 12, 8},             // 11.5 to even
                     {1, 3000, 600, 1000, 1, 1000}};      // never empty
  for (auto const& k : cases) {
    auto const p = caffe::resize(k.w, k.h, k.short_side, k.max_side);
    CHECK(p.w == k.out_w);
    CHECK(p.h == k.out_h);
    CHECK(p.scale_x == p.scale_y);
    CHECK(p.step_x == doctest::Approx(1 / p.scale_x).epsilon(1e-15));
  }
  CHECK(caffe::resize(500, 333, 600, 1000).scale_x == 600.0 / 333);
  CHECK(caffe::resize(2501, 1500, 600, 1000).scale_x == .4);  // 1000 / 2501 had the limit been tested before rounding
}

TEST_CASE("conventions: torchvision's resizing of images and boxes") {
  auto const cases = golden("resize");
  REQUIRE(cases.size() == 66);
  for (auto const& v : cases) {
    auto const n = [&](int i) { return static_cast<int>(v[i]); };
    auto const p = tv::resize(n(0), n(1), n(2), n(3));
    CHECK(p.w == n(4));
    CHECK(p.h == n(5));
    CHECK(p.step_x == double(n(0)) / p.w);
    CHECK(p.step_y == double(n(1)) / p.h);
    box<float> const b{v[6], v[7], v[8], v[9]}, scaled{v[10], v[11], v[12], v[13]};
    float const sx = static_cast<float>(p.scale_x), sy = static_cast<float>(p.scale_y);
    CHECK(tv::scale_box(b, sx, sy) == scaled);  // to the bit
    CHECK(tv::unscale_box(scaled, sx, sy).x2 == doctest::Approx(b.x2).epsilon(1e-6));
  }
  auto const thin = tv::resize(1, 4000, 600, 1000);
  CHECK(thin.w == 1);
}

TEST_CASE("conventions: caffe scales the inclusive corner") {
  // inclusive (10,20,109,219) times 1.5 is (15,30,163.5,328.5)
  CHECK(caffe::scale_box(box<double>{10, 20, 110, 220}, 1.5, 1.5) == box<double>{15, 30, 164.5, 329.5});
  // Narrower than a pixel, its inclusive corner is the first one: no scale turns it round.
  CHECK(caffe::scale_box(box<double>{100, 20, 100.25, 220}, 1.5, 1.5) == box<double>{150, 30, 151, 329.5});
  CHECK(caffe::scale_box(box<double>{10, 20, 110, 20.5}, 2., 2.) == box<double>{20, 40, 219, 41});
  host_rng r(3, draw::test);
  for (int i = 0; i < 100; ++i) {
    double const s = r.uniform(.3, 3);
    box<double> const b{r.uniform(0, 9), r.uniform(0, 9), r.uniform(10, 20), r.uniform(10, 20)};
    auto const back = caffe::unscale_box(caffe::scale_box(b, s, s), s, s);
    CHECK(back.x1 == doctest::Approx(b.x1));
    CHECK(back.x2 == doctest::Approx(b.x2));
    CHECK(back.y2 == doctest::Approx(b.y2));
  }
}

TEST_CASE("conventions: a mirror image's boxes") {
  box<int> const b{0, 3, 2, 9};
  CHECK(caffe::flip_box(b, 10) == box<int>{8, 3, 10, 9});  // inclusive 0..1 becomes 10-1-1 .. 10-0-1 = 8..9
  CHECK(tv::flip_box(tv::flip_box(b, 10), 10) == b);
}

TEST_CASE("conventions: clipping") {
  auto const cases = golden("clip");
  REQUIRE(cases.size() == 16);
  for (auto const& v : cases) CHECK(tv::clip(box<float>{v[2], v[3], v[4], v[5]}, v[0], v[1]) == box<float>{v[6], v[7], v[8], v[9]});

  // caffe keeps inclusive corners in 0..W-1, 0..H-1: what lies outside keeps the border pixel
  CHECK(caffe::clip(box<double>{-5, -5, 200, 200}, 100.0, 150.0) == box<double>{0, 0, 150, 100});
  CHECK(caffe::clip(box<double>{160, 30, 170, 40}, 100.0, 150.0) == box<double>{149, 30, 150, 40});
  CHECK(caffe::clip(box<double>{-9, -9, -3, -3}, 100.0, 150.0) == box<double>{0, 0, 1, 1});
  CHECK(tv::clip(box<double>{160, 30, 170, 40}, 100.0, 150.0).area() == 0);
}

TEST_CASE("conventions: IoU, half-open, is what the releases compute with and without +1") {
  CHECK(iou(box<double>{0, 0, 16, 16}, {4, 4, 20, 20}) == 144. / 368);  // .391304
  CHECK(iou(box<double>{0, 0, 15, 15}, {4, 4, 19, 19}) == 121. / 329);  // .367781
  auto const cases = golden("iou");
  REQUIRE(cases.size() == 16);
  for (auto const& v : cases) CHECK(std::fabs(iou(box<float>{v[0], v[1], v[2], v[3]}, {v[4], v[5], v[6], v[7]}) - v[8]) <= 1e-6f);
}

TEST_CASE("conventions: the map that a RoI reads") {
  auto const cases = golden("level");
  REQUIRE(cases.size() == 30);
  int seen[4] = {};
  for (auto const& v : cases) {
    int const level = tv::map_level(box<float>{v[0], v[1], v[2], v[3]});
    CHECK(level == static_cast<int>(v[4]));
    ++seen[static_cast<int>(v[4])];
  }
  CHECK(*std::min_element(seen, seen + 4) > 0);
  CHECK(tv::map_level(box<float>{0, 0, 0, 0}) == 0);
  CHECK(tv::map_level(box<float>{0, 0, -4, 4}) == -1);  // torchvision 0.29.2 gives such a box no level, and features of 0
  CHECK(tv::map_level(box<float>{0, 0, -224, -224}) == 2);
  CHECK(tv::map_level(box<float>{0, 0, std::nanf(""), 4}) == -1);
  CHECK(tv::map_level(box<float>{0, 0, 1e6f, 1e6f}) == 3);
  CHECK(tv::map_level(box<float>{0, 0, 1e6f, 1e6f}, 3, 4) == 1);
}

TEST_CASE("conventions: boundaries of thresholds") {
  CHECK(caffe::is_positive_anchor(.7, .7));
  CHECK_FALSE(caffe::is_negative_anchor(.3, .3));
  CHECK_FALSE(tv::suppresses(.7, .7));
  CHECK(tv::suppresses(.71, .7));
  CHECK(caffe::is_foreground(.5, .5));
  CHECK_FALSE(caffe::is_background(.5, 0.0, .5));
  CHECK(caffe::is_background(0.0, 0.0, .5));
  CHECK_FALSE(caffe::is_background(.05, .1, .5));
  CHECK(caffe::proposal_min_side(1.5f) == 24);
  CHECK(caffe::wide_enough(box<float>{0, 0, 24, 24}, 24.0f));
  CHECK_FALSE(caffe::wide_enough(box<float>{0, 0, 24, 23.9f}, 24.0f));
  CHECK_FALSE(tv::wide_enough(box<float>{0, 0, std::nanf(""), 9}, tv::proposal_min_side(1.0f)));
  CHECK(caffe::may_train(box<double>{0, 0, 800, 600}, 600.0, 800.0));
  CHECK_FALSE(caffe::may_train(box<double>{0, 0, 801, 600}, 600.0, 800.0));
  CHECK_FALSE(caffe::may_train(box<double>{0, -1, 800, 600}, 600.0, 800.0));
  CHECK(tv::may_train(box<double>{-9, -9, 900, 900}, 600.0, 800.0));
}

TEST_CASE("conventions: torchvision compares a float IoU with a threshold in double") {
  auto const cases = golden("nms");
  REQUIRE(cases.size() == 19);
  for (auto const& v : cases) {
    double const threshold = v[0] / 20.;
    CAPTURE(threshold);
    box<float> const a{v[1], v[2], v[3], v[4]}, b{v[5], v[6], v[7], v[8]};
    CHECK(tv::suppresses(iou(a, b), tv::nms_threshold<float>(threshold)) == (v[9] == 1));
    CHECK_FALSE(tv::suppresses(iou(a.as<double>(), b.as<double>()), tv::nms_threshold<double>(threshold)));
    CHECK_FALSE(caffe::suppresses(iou(a, b), caffe::nms_threshold<float>(threshold)));
  }
  CHECK((tv::nms_threshold<float>(.5) == .5f && tv::nms_threshold<float>(2.) == 2 && tv::nms_threshold<float>(0.) == 0));
  CHECK((tv::nms_threshold<float>(.3) < .3f && caffe::nms_threshold<float>(.3) == .3f));
}

TEST_CASE("conventions: the constants of both releases") {
  CHECK(caffe::limits(phase::train).before_nms == 12000);
  CHECK(caffe::limits(phase::train).after_nms == 2000);
  CHECK(caffe::limits(phase::test).before_nms == 6000);
  CHECK(caffe::limits(phase::test).after_nms == 300);
  CHECK(caffe::limits(phase::stage).before_nms == proposal_limits::unlimited);
  CHECK(caffe::limits(phase::stage).after_nms == 2000);
  CHECK(tv::limits(phase::train).before_nms == 2000);
  CHECK(tv::limits(phase::test).after_nms == 1000);
  CHECK(tv::log_cap == doctest::Approx(std::log(1000.0 / 16)).epsilon(1e-15));
  CHECK(tv::rpn_beta<double>() == 1.0 / 9);
  CHECK(tv::head_beta<double>() == 1.0 / 9);
  CHECK(caffe::head_beta<double>() == 1);
  CHECK(caffe::stride(600, 38, 16) == 16);
  CHECK(tv::stride(608, 37, 16) == 16);
  CHECK(tv::stride(600, 25, 16) == 24);
}

TEST_CASE("conventions: a coder given explicitly wins") {
  struct plain {};
  using mine = conventions::with_coder<caffe, plain>;
  static_assert(std::is_same_v<mine::coder, plain> && std::is_same_v<decltype(mine::rpn_coder()), plain> &&
                std::is_same_v<decltype(mine::head_coder()), plain>);
  static_assert(mine::ceil_pooling);
}
