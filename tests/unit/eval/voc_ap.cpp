#include "frcnn/eval/voc_ap.hpp"

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;
using namespace frcnn::eval;

namespace {

constexpr box<float> here{0, 0, 10, 10}, there{100, 0, 110, 10}, nowhere{0, 100, 10, 110};

using found = std::vector<std::vector<detection>>;
using truth = std::vector<std::vector<truth_box>>;

}  // namespace

TEST_CASE("voc_ap: equals an independent NumPy implementation, by both metrics") {
  golden const g = golden::read();
  REQUIRE(g.classes == 6);
  auto const area = evaluate_voc(g.detections, g.truths, g.classes),
             eleven = evaluate_voc(g.detections, g.truths, g.classes, {ap_metric::voc07});
  double sum[2] = {};
  for (std::size_t k = 0; k < g.ap.size(); ++k) {
    CAPTURE(k);
    if (area.classes[k].truths == 0) {  // classes 5 and 6: the file has 0 for them, as VOC's code has
      CHECK(k >= 4);
      CHECK(std::isnan(area.classes[k].ap));
      continue;
    }
    CHECK(std::abs(area.classes[k].ap - g.ap[k][0]) < 1e-12);
    CHECK(std::abs(eleven.classes[k].ap - g.ap[k][1]) < 1e-12);
    sum[0] += g.ap[k][0], sum[1] += g.ap[k][1];
  }
  CHECK(std::abs(area.mean - sum[0] / 4) < 1e-12);
  CHECK(std::abs(eleven.mean - sum[1] / 4) < 1e-12);
}

TEST_CASE("voc_ap: the example of the header") {
  truth const t{{{here, 1}, {there, 1}}};
  found const d{{{here, .9f, 1}, {nowhere, .8f, 1}, {there, .7f, 1}}};
  auto const r = evaluate_voc(d, t, 1);
  class_ap const& c = r.classes[0];
  REQUIRE(c.curve.size() == 3);
  CHECK(c.curve[0].recall == 0.5);
  CHECK(c.curve[0].precision == 1);
  CHECK(c.curve[1].recall == 0.5);
  CHECK(c.curve[1].precision == 0.5);
  CHECK(c.curve[1].score == .8f);
  CHECK(c.curve[2].recall == 1);
  CHECK(c.curve[2].precision == doctest::Approx(2 / 3.));
  CHECK(c.ap == doctest::Approx(5 / 6.).epsilon(1e-12));
  CHECK(evaluate_voc(d, t, 1, {ap_metric::voc07}).mean == doctest::Approx((6 + 5 * 2 / 3.) / 11).epsilon(1e-12));
  CHECK(c.truths == 2);
  CHECK(c.detections == 3);
  CHECK(c.true_positives == 2);
}

TEST_CASE("voc_ap: the second detection of an object is false, also when another object is free") {
  // Both detections overlap the first object most; the second object, overlapped by 0.6, is no second choice.
  truth const t{{{{0, 0, 10, 10}, 1}, {{0, 0, 10, 6}, 1}}};
  found const d{{{here, .9f, 1}, {here, .8f, 1}}};
  auto const c = evaluate_voc(d, t, 1).classes[0];
  CHECK(c.true_positives == 1);
  CHECK(c.ap == 0.5);
}

TEST_CASE("voc_ap: a match overlaps by more than the threshold") {
  truth const t{{{here, 1}}};
  CHECK(evaluate_voc(found{{{{0, 0, 10, 5}, 1, 1}}}, t, 1).mean == 0);
  CHECK(evaluate_voc(found{{{{0, 0, 10, 5.01f}, 1, 1}}}, t, 1).mean == 1);
  CHECK(evaluate_voc(found{{{{0, 0, 10, 8}, 1, 1}}}, t, 1, {ap_metric::area, 0.75}).mean == 1);
  CHECK(evaluate_voc(found{{{{0, 0, 10, 7}, 1, 1}}}, t, 1, {ap_metric::area, 0.75}).mean == 0);
}

TEST_CASE("voc_ap: difficult objects are neither to be found nor wrong to find, however often") {
  truth const t{{{here, 1, true}, {there, 1}}};
  found const d{{{here, .9f, 1}, {here, .8f, 1}, {there, .7f, 1}}};
  auto const c = evaluate_voc(d, t, 1).classes[0];
  CHECK(c.ap == 1);
  CHECK(c.truths == 1);
  CHECK(c.difficult == 1);
  CHECK(c.ignored == 2);
  CHECK(c.detections == 3);
  CHECK(c.curve.size() == 1);
}

TEST_CASE("voc_ap: equal scores keep the order of images and detections") {
  truth const t{{{here, 1}}, {{here, 1}}};
  detection const right{here, .5f, 1}, wrong{nowhere, .5f, 1};
  CHECK(evaluate_voc(found{{right}, {right, wrong}}, t, 1).mean == 1);
  CHECK(evaluate_voc(found{{right}, {wrong, right}}, t, 1).mean == doctest::Approx(.5 + .5 * 2 / 3));
  CHECK(evaluate_voc(found{{wrong, right}, {right}}, t, 1).mean == doctest::Approx(2 / 3.));
}

TEST_CASE("voc_ap: classes do not touch each other; one without objects has no AP and is not part of the mean") {
  truth const t{{{here, 1}, {there, 3, true}, {there, 4}}};
  auto const r = evaluate_voc(found{{{here, .9f, 1}, {here, .8f, 2}, {there, .7f, 3}}}, t, 4);
  CHECK(r.classes[0].ap == 1);
  CHECK(std::isnan(r.classes[1].ap));  // found, and there is none
  CHECK(r.classes[1].curve.size() == 1);
  CHECK(std::isnan(r.classes[2].ap));  // difficult objects alone are nothing to find
  CHECK(r.classes[3].ap == 0);         // there, and not found
  CHECK(r.mean == 0.5);
  CHECK(evaluate_voc(found{{{here, .9f, 1}, {here, .8f, 2}}}, t, 4, {ap_metric::voc07}).mean == 0.5);
  CHECK(std::isnan(evaluate_voc(found{{}}, truth{{}}, 2).mean));
  CHECK(std::isnan(evaluate_voc(found{}, truth{}, 0).mean));
}

TEST_CASE("voc_ap: recall 0.3 does not reach the threshold 3 * 0.1") {
  // Of ten objects three are found without fault, then only faults: recall 0.3 as 3/10, which is less than 3 * 0.1 in double.
  std::vector<pr_point> const curve{{0.1, 1, 1}, {0.2, 1, 1}, {0.3, 1, 1}};
  CHECK(average_precision(curve, ap_metric::voc07) == doctest::Approx(3 / 11.));
  CHECK(average_precision(curve, ap_metric::area) == doctest::Approx(0.3));
  CHECK(average_precision({}, ap_metric::voc07) == 0);
}

TEST_CASE("voc_ap: what it refuses") {
  truth const t{{{here, 1}}};
  CHECK_THROWS_WITH_AS(evaluate_voc(found{}, t, 1), "evaluate_voc: expected detections for 1 images, found 0", error);
  CHECK_THROWS_WITH_AS(evaluate_voc(found{{{here, 1, 2}}}, t, 1), "detection of image 0: expected a label from 1 to 1, found 2", error);
  CHECK_THROWS_WITH_AS(evaluate_voc(found{{{here, 1, 0}}}, t, 1), "detection of image 0: expected a label from 1 to 1, found 0", error);
  CHECK_THROWS_WITH_AS(evaluate_voc(found{{}}, truth{{{here, 3}}}, 2), "object of image 0: expected a label from 1 to 2, found 3", error);
  CHECK_THROWS_WITH_AS(evaluate_voc(found{{{here, NAN, 1}}}, t, 1), "detection of image 0: expected a score, found NaN", error);
}
