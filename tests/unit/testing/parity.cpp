#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace frcnn::testing;
using frcnn::detection;
using std::vector;

namespace {

// n boxes of 40 x 40 in a row without overlap, labels 1 to 3, scores falling from 0.95 by 0.004.
vector<detection> row(std::size_t n) {
  vector<detection> d;
  for (std::size_t i = 0; i < n; ++i) {
    float const x = 50.f * static_cast<float>(i);
    d.push_back({{x, 10, x + 40, 50}, .95f - .004f * static_cast<float>(i), static_cast<int>(1 + i % 3)});
  }
  return d;
}
detection_report report(vector<detection> const& a, vector<detection> const& b, detection_rule const& rule = {}) {
  return compare_detections(a, b, rule);
}

}  // namespace

TEST_CASE("tensors: relative to the largest of the reference") {
  vector<double> const b{1, -200, 3};
  vector<double> a = b;
  CHECK(compare(a, b, 0).ok);
  a[2] += 200 * .9e-5;
  CHECK(compare(a, b, 1e-5).ok);
  a[2] += 200 * .2e-5;
  auto const r = compare(a, b, 1e-5);
  CHECK_FALSE(r.ok);
  CHECK(r.index == 2);
  CHECK(r.worst == doctest::Approx(1.1e-5));
  CHECK(r.a == a[2]);
  CHECK(r.b == 3);
  CHECK(r.relative_l2 == doctest::Approx(200 * 1.1e-5 / std::sqrt(1 + 40000 + 9)));
  CHECK(r.describe().starts_with("differs: worst at 2 of 3: 3.0022, reference 3, relative difference 1.1e-05"));
  CHECK(compare(vector<float>{1, 2.00001f}, vector<float>{1, 2}, 1e-5).ok);
  CHECK(compare(vector<float>{.5f}, vector<double>{.5}, 0).ok);
}

TEST_CASE("tensors: what equals nothing") {
  double const nan = NAN, inf = INFINITY;
  using v = vector<double>;
  CHECK_FALSE(compare(v{1, nan}, v{1, 2}, 1).ok);
  CHECK_FALSE(compare(v{1, 2}, v{1, nan}, 1).ok);
  CHECK_FALSE(compare(v{nan, 2, 3}, v{1, 2, 3}, 1).ok);
  CHECK_FALSE(compare(v{nan}, v{nan}, 1).ok);
  CHECK_FALSE(compare(v{inf}, v{1}, 1).ok);
  CHECK_FALSE(compare(v{1, 2}, v{inf, 2}, 1).ok);
  CHECK(compare(v{inf, 1}, v{inf, 1}, 0).ok);
  CHECK_FALSE(compare(v{1}, v{1, 2}, 1).ok);
  CHECK(compare(v{1}, v{1, 2}, 1).describe() == "differs: 1 elements, the reference has 2");
  CHECK_FALSE(compare(v{1e-30}, v{0}, 1).ok);  // nothing is relative to zero
  CHECK(compare(v{0}, v{0}, 0).ok);
  CHECK(compare(v{}, v{}, 0).ok);
}

TEST_CASE("detections: equal lists, and what is too far") {
  auto const b = row(100);
  auto a = b;
  CHECK(report(a, b).ok());
  for (auto& d : a) d.score += 5e-5f, d.where.x1 += .1f;  // 5e-5, and 0.1 of 4990 pixels
  CHECK(report(a, b).ok());
  CHECK(report(a, b).boxes == 100);
  CHECK(report(a, b).excused.empty());

  auto const broken = [&](auto change) {
    auto c = b;
    change(c[50]);
    auto const r = report(c, b);
    CHECK(r.failures.size() >= 1);
    CHECK(r.excused.empty());
    return !r.ok();
  };
  CHECK(broken([](detection& d) { d.label = 9; }));
  CHECK(broken([](detection& d) { d.score += 2e-4f; }));
  CHECK(broken([](detection& d) { d.where.x2 += 1, d.score += 2e-4f; }));
  CHECK(broken([](detection& d) { d.where.y1 = NAN; }));
  CHECK(broken([](detection& d) { d.score = NAN; }));

  a = b;
  a.erase(a.begin() + 30);
  auto r = report(a, b, {.limit = 1000});
  CHECK_FALSE(r.ok());
  REQUIRE(r.failures.size() == 1);
  CHECK(r.failures[0] == "reference: label 1, score 0.830000, box (1500.000, 10.000, 1540.000, 50.000): only there");
  r = report(b, a, {.limit = 1000});
  REQUIRE(r.failures.size() == 1);
  CHECK(r.failures[0].starts_with("ours: label 1"));
}

TEST_CASE("detections: a close decision excuses one box in 200, no more") {
  auto b = row(200);
  detection_rule rule{.score_threshold = b.back().score - 5e-5, .limit = 1000};
  auto a = b;
  a.pop_back();
  auto r = report(a, b, rule);
  CHECK(r.ok());
  CHECK(r.boxes == 200);
  REQUIRE(r.excused.size() == 1);
  CHECK(r.excused[0].ends_with("score at the threshold"));
  a.pop_back();
  CHECK_FALSE(report(a, b, rule).ok());  // 0.004 above the threshold
  b.pop_back(), a = b, a.pop_back();     // 199 boxes
  rule.score_threshold = b.back().score - 5e-5;
  r = report(a, b, rule);
  CHECK(r.failures.empty());
  CHECK_FALSE(r.ok());
  r += report(b, b, rule);  // with another image of 199 there are enough
  CHECK(r.ok());
  CHECK(r.boxes == 398);
  rule.score_threshold -= 1e-4;
  CHECK(report(a, b, rule).failures.size() == 1);
}

TEST_CASE("detections: the end of a full list") {
  auto const b = row(100);
  auto a = b;
  a.back() = {{7000, 0, 7100, 100}, b.back().score + 5e-5f, 2};
  auto const r = report(a, b);
  CHECK(r.failures.empty());
  CHECK(r.excused.size() == 2);
  CHECK(report(a, b, {.limit = 101}).failures.size() == 2);
  a.back().score += 2e-4f;
  CHECK(report(a, b).failures.size() == 2);
}

TEST_CASE("detections: suppression") {
  auto b = row(20);
  auto a = b;
  // 40 x 40 against 40 x 40 shifted by s: IoU (40 - s) / (40 + s), a half at s = 40/3.
  auto const shifted = [&](float s, float score, int label) { return detection{{s, 10, 40 + s, 50}, score, label}; };
  a.push_back(shifted(40 / 3.f + .001f, .5f, 1));
  CHECK(report(a, b).failures.empty());
  CHECK(report(a, b).excused.size() == 1);
  CHECK(report(b, a).excused.size() == 1);
  a.back() = shifted(40 / 3.f + .1f, .5f, 1);
  CHECK(report(a, b).failures.size() == 1);
  a.back() = shifted(40 / 3.f, .5f, 2);  // of another class: nothing to do with it
  CHECK(report(a, b).failures.size() == 1);

  // Two that overlap have almost the same score; each list keeps another one.
  a = b;
  a[0] = shifted(2, b[0].score - 5e-5f, 1);
  CHECK(report(a, b).failures.empty());
  CHECK(report(a, b).excused.size() == 2);
  a[0].score = b[0].score - 3e-4f;
  CHECK(report(a, b).failures.size() == 2);
  // A box that has moved looks like such a neighbour: excused, listed, and one in 200 at most.
  a = b;
  a[0].where.x2 += 1;
  CHECK(report(a, b).excused.size() == 2);
  CHECK_FALSE(report(a, b).ok());
  a[0] = shifted(30, b[0].score - 5e-5f, 1);  // too far apart to suppress each other
  CHECK(report(a, b).failures.size() == 2);
}

TEST_CASE("detections: order") {
  auto b = row(20);
  auto a = b;
  std::swap(a[4], a[5]);
  CHECK(report(a, b).failures.size() == 1);
  b[5].score = b[4].score - 5e-5f;
  a = b;
  std::swap(a[4], a[5]);
  CHECK(report(a, b).failures.empty());
  CHECK(report(a, b).excused.size() == 1);
}
