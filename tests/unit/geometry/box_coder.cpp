#include "frcnn/geometry/box_coder.hpp"

#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "golden.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>

using namespace frcnn;
static_assert(std::is_trivially_copyable_v<box_coder>);

namespace {

box<double> random_box(host_rng& r) {
  double const x = r.uniform(-50, 200), y = r.uniform(-50, 200);
  return {x, y, x + r.uniform(5, 150), y + r.uniform(5, 150)};
}

double dot(box<double> a, box<double> b) { return a.x1 * b.x1 + a.y1 * b.y1 + a.x2 * b.x2 + a.y2 * b.y2; }
double dot(delta<double> a, delta<double> b) { return a.dx * b.dx + a.dy * b.dy + a.dw * b.dw + a.dh * b.dh; }

double& at(box<double>& b, int i) { return i == 0 ? b.x1 : i == 1 ? b.y1 : i == 2 ? b.x2 : b.y2; }
double& at(delta<double>& d, int i) { return i == 0 ? d.dx : i == 1 ? d.dy : i == 2 ? d.dw : d.dh; }

// Central differences of a scalar function of four numbers against the gradient that is claimed: largest difference over largest value.
template <class X, class F>
double gradient_error(X x, X claimed, F loss) {
  double worst = 0, largest = 0;
  for (int i = 0; i < 4; ++i) {
    double const v = at(x, i), step = 1e-5 * std::max(1.0, std::fabs(v));
    at(x, i) = v + step;
    double const up = loss(x);
    at(x, i) = v - step;
    double const down = loss(x);
    at(x, i) = v;
    double const slope = (up - down) / (2 * step);
    worst = std::max(worst, std::fabs(slope - at(claimed, i)));
    largest = std::max(largest, std::fabs(slope));
  }
  return worst / largest;
}

box_coder const odd{.weight = {10, 8, 5, 3}, .mean = {.1, -.2, .3, -.4}, .log_cap = 2, .far_edge = 1};
box_coder const coders[] = {conventions::caffe::rpn_coder(), conventions::caffe::head_coder(), conventions::torchvision::rpn_coder(),
                            conventions::torchvision::head_coder(), odd};

}  // namespace

TEST_CASE("box_coder: published values") {
  auto const caffe = conventions::caffe::rpn_coder();
  auto const tv = conventions::torchvision::rpn_coder();
  CHECK(caffe.encode(box<double>{0, 0, 16, 16}, {4, 4, 20, 20}).dx == .25);
  CHECK(tv.encode(box<double>{0, 0, 15, 15}, {4, 4, 19, 19}).dx == doctest::Approx(.266667).epsilon(1e-6));

  // the release's (4,4,20,20) with inclusive corners
  box<double> const p{0, 0, 16, 16}, g{4, 4, 20, 20};
  CHECK(caffe.decode(p, caffe.encode(p, g)) == box<double>{4, 4, 21, 21});
  CHECK(tv.decode(p, tv.encode(p, g)) == g);

  auto const b = caffe.encode(box<double>{0, 0, 100, 50}, {10, 5, 120, 65});
  CHECK(b.dx == doctest::Approx(.15).epsilon(1e-7));
  CHECK(b.dy == doctest::Approx(.2).epsilon(1e-7));
  CHECK(b.dw == doctest::Approx(.0953102).epsilon(1e-6));
  CHECK(b.dh == doctest::Approx(.1823216).epsilon(1e-6));
  auto const c = tv.encode(box<double>{0, 0, 99, 49}, {10, 5, 119, 64});
  CHECK(c.dx == doctest::Approx(.1515152).epsilon(1e-6));
  CHECK(c.dy == doctest::Approx(.2040816).epsilon(1e-6));
  CHECK(c.dw == doctest::Approx(.0962280).epsilon(1e-6));
  CHECK(c.dh == doctest::Approx(.1857171).epsilon(1e-6));  // log(59 / 49)
}

TEST_CASE("box_coder: torchvision's numbers in float") {
  auto const encoded = golden("code"), decoded = golden("decode");
  REQUIRE(encoded.size() == 48);
  REQUIRE(decoded.size() == 48);
  auto const coder_of = [](std::vector<float> const& v) {
    return box_coder{.weight = {v[0], v[1], v[2], v[3]}, .log_cap = conventions::torchvision::log_cap};
  };
  for (auto const& v : encoded) {
    auto const d = coder_of(v).encode(box<float>{v[4], v[5], v[6], v[7]}, {v[8], v[9], v[10], v[11]});
    CHECK(d.dx == v[12]);  // to the bit: the order of operations is the same
    CHECK(d.dy == v[13]);
    CHECK(std::fabs(d.dw - v[14]) <= 1e-6f * std::max(1.0f, std::fabs(v[14])));  // two logarithms
    CHECK(std::fabs(d.dh - v[15]) <= 1e-6f * std::max(1.0f, std::fabs(v[15])));
  }
  int capped = 0;
  for (auto const& v : decoded) {
    auto const b = coder_of(v).decode(box<float>{v[4], v[5], v[6], v[7]}, {v[8], v[9], v[10], v[11]});
    float const got[] = {b.x1, b.y1, b.x2, b.y2}, side = std::max({1.0f, v[14] - v[12], v[15] - v[13]});
    for (int i = 0; i < 4; ++i) CHECK(std::fabs(got[i] - v[12 + i]) <= 1e-6f * std::max(side, 300.0f));
    capped += v[10] / v[2] > 4.136f || v[11] / v[3] > 4.136f;
  }
  CHECK(capped > 0);  // or the cap was never tried
}

TEST_CASE("box_coder: decode undoes encode") {
  host_rng r(1, draw::test);
  for (int n = 0; n < 1000; ++n) {
    auto const from = random_box(r), to = random_box(r);
    for (auto coder : coders) {
      coder.log_cap = box_coder::no_cap;
      auto const b = coder.decode(from, coder.encode(from, to));
      CHECK(b.x1 == doctest::Approx(to.x1).epsilon(1e-10));
      CHECK(b.y1 == doctest::Approx(to.y1).epsilon(1e-10));
      CHECK(b.x2 - coder.far_edge == doctest::Approx(to.x2).epsilon(1e-10));
      CHECK(b.y2 - coder.far_edge == doctest::Approx(to.y2).epsilon(1e-10));
    }
  }
}

TEST_CASE("box_coder: mean and weight normalise") {
  box<double> const from{0, 0, 100, 50}, to{10, 5, 120, 65};
  auto const d = odd.encode(from, to);
  CHECK(d.dx == doctest::Approx((.15 - .1) * 10));
  CHECK(d.dy == doctest::Approx((.2 + .2) * 8));
  CHECK(d.dw == doctest::Approx((std::log(1.1) - .3) * 5));
  CHECK(d.dh == doctest::Approx((std::log(1.2) + .4) * 3));
}

TEST_CASE("box_coder: the cap bounds growth, not shrinking, and NaN stays") {
  auto const tv = conventions::torchvision::rpn_coder();
  box<float> const from{0, 0, 16, 16};
  CHECK(tv.decode(from, delta<float>{0, 0, 100, 0}).width() == doctest::Approx(1000));
  CHECK(tv.decode(from, delta<float>{0, 0, -100, 0}).width() == doctest::Approx(0));
  CHECK(std::isinf(conventions::caffe::rpn_coder().decode(from, delta<float>{0, 0, 100, 0}).x2));
  CHECK(std::isnan(tv.decode(from, delta<float>{0, 0, std::nanf(""), 0}).x2));
  CHECK(tv.decode_vjp(from, delta<float>{0, 0, 5, 0}, {0, 0, 1, 0}).dw == 0);
  CHECK(tv.decode_vjp(from, delta<float>{0, 0, 4, 0}, {0, 0, 1, 0}).dw > 0);
}

TEST_CASE("box_coder: vector-Jacobian products") {
  host_rng r(2, draw::test);
  for (int n = 0; n < 200; ++n) {
    auto const from = random_box(r), to = random_box(r);
    box<double> const dbox{r.normal(), r.normal(), r.normal(), r.normal()};
    delta<double> const ddelta{r.normal(), r.normal(), r.normal(), r.normal()};
    for (auto const& coder : coders) {
      delta<double> d = coder.encode(from, to);
      if (n % 4 == 0) d.dw = (coder.log_cap + 1) * coder.weight[2];  // beyond the cap, where there is one
      if (!std::isfinite(d.dw)) d.dw = 1;
      if (std::fabs(d.dw / coder.weight[2] + coder.mean[2] - coder.log_cap) < 1e-3 ||
          std::fabs(d.dh / coder.weight[3] + coder.mean[3] - coder.log_cap) < 1e-3)
        continue;  // a kink
      CHECK(gradient_error(d, coder.decode_vjp(from, d, dbox), [&](delta<double> const& v) { return dot(coder.decode(from, v), dbox); }) <
            1e-6);
      CHECK(gradient_error(from, coder.decode_vjp_from(from, d, dbox),
                           [&](box<double> const& v) { return dot(coder.decode(v, d), dbox); }) < 1e-6);
      CHECK(gradient_error(from, coder.encode_vjp_from(from, to, ddelta),
                           [&](box<double> const& v) { return dot(coder.encode(v, to), ddelta); }) < 1e-6);
    }
  }
}
