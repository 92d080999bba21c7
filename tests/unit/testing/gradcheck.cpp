#include "frcnn/testing/gradcheck.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

using namespace frcnn::testing;
using std::vector;

namespace {

// A smooth loss with gradients of several sizes: sum of w_i sin(x_i) + x_i^2 x_(i+1)
struct smooth {
  vector<double> x, gradient;
  explicit smooth(std::size_t n) : x(n), gradient(n) {
    for (std::size_t i = 0; i < n; ++i) x[i] = std::cos(7.0 * static_cast<double>(i)) * (i % 5 == 0 ? 30 : 1);
    for (std::size_t i = 0; i < n; ++i) {
      gradient[i] += weight(i) * std::cos(x[i]) + 2 * x[i] * x[(i + 1) % n];
      gradient[(i + 1) % n] += x[i] * x[i];
    }
  }
  static double weight(std::size_t i) { return 1.0 / static_cast<double>(1 + i % 17); }
  double operator()() const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weight(i) * std::sin(x[i]) + x[i] * x[i] * x[(i + 1) % x.size()];
    return sum;
  }
};

double largest(vector<double> const& v) {
  double m = 0;
  for (double const e : v) m = std::max(m, std::abs(e));
  return m;
}

// Hinges max(0, x_i - corner_i), by i + 1; right of the corner the slope is i + 1.
struct hinges {
  vector<double> x, corner;
  double operator()() const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(i + 1) * std::max(0.0, x[i] - corner[i]);
    return sum;
  }
  vector<double> gradient() const {
    vector<double> g(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) g[i] = x[i] > corner[i] ? static_cast<double>(i + 1) : 0;
    return g;
  }
};

}  // namespace

TEST_CASE("a right gradient passes, far below the tolerance, and the values are as before") {
  smooth f(200);
  auto const before = f.x;
  auto const report = gradcheck(f, f.x, f.gradient);
  CHECK_MESSAGE(report.ok, report.describe());
  CHECK(report.worst < 1e-8);
  CHECK(report.checked == 200);
  CHECK(report.skipped == 0);
  CHECK(f.x == before);
}

TEST_CASE("one element 1e-5 off fails, and is named") {
  for (std::size_t const at : {0u, 1u, 77u, 199u}) {
    smooth f(200);
    f.gradient[at] += 1e-5 * largest(f.gradient);
    auto const report = gradcheck(f, f.x, f.gradient);
    CHECK_FALSE(report.ok);
    CHECK(report.index == at);
    CHECK(report.worst == doctest::Approx(1e-5).epsilon(1e-2));
    CHECK(report.skipped == 0);
    CHECK(report.describe().starts_with("differs: worst at " + std::to_string(at) + ":"));
  }
}

TEST_CASE("the tolerance is relative, at any size of the loss") {
  for (double const scale : {1e-12, 1e-3, 1.0, 1e9}) {
    smooth f(50);
    auto const loss = [&] { return scale * f(); };
    for (double& g : f.gradient) g *= scale;
    CHECK(gradcheck(loss, f.x, f.gradient).ok);
    f.gradient[3] += 1e-5 * largest(f.gradient);
    CHECK_FALSE(gradcheck(loss, f.x, f.gradient).ok);
    f.gradient.assign(50, 0);
    CHECK_FALSE(gradcheck(loss, f.x, f.gradient).ok);
  }
}

TEST_CASE("usual mistakes are found") {
  smooth f(100);
  auto const wrong = [&](auto change) {
    auto g = f.gradient;
    change(g);
    return !gradcheck(f, f.x, g).ok;
  };
  CHECK(wrong([](auto& g) {
    for (double& v : g) v *= 2;
  }));
  CHECK(wrong([](auto& g) {
    for (double& v : g) v = -v;
  }));
  CHECK(wrong([](auto& g) {
    for (double& v : g) v = 0;
  }));
  CHECK(wrong([](auto& g) { std::rotate(g.begin(), g.begin() + 1, g.end()); }));
  CHECK(wrong([](auto& g) { g[50] = NAN; }));
  CHECK(wrong([](auto& g) { g[50] = INFINITY; }));
}

TEST_CASE("a loss that does not depend on the values has gradient zero") {
  vector<double> x{1, 2}, zero{0, 0}, not_zero{0, 1e-3};
  auto const constant = [] { return 3.25; };
  CHECK(gradcheck(constant, x, zero).ok);
  CHECK_FALSE(gradcheck(constant, x, not_zero).ok);
}

TEST_CASE("samples: as many as asked for, all different, the same every time, over the whole tensor") {
  std::size_t const n = 10'007;
  vector<double> x(n, 1), gradient(n, 1);
  vector<vector<std::size_t>> seen;
  for (int round = 0; round < 2; ++round) {
    seen.emplace_back();
    auto const loss = [&] {
      for (std::size_t i = 0; i < n; ++i)
        if (x[i] > 1) seen.back().push_back(i);
      return std::accumulate(x.begin(), x.end(), 0.0) / 1000;
    };
    for (double& g : gradient) g = 1e-3;
    auto const report = gradcheck(loss, x, gradient, {.samples = 64});
    CHECK_MESSAGE(report.ok, report.describe());
    CHECK(report.checked == 64);
  }
  CHECK(seen[0] == seen[1]);
  REQUIRE(seen[0].size() == 64);
  for (std::size_t k = 0; k < 64; ++k) {
    CHECK(seen[0][k] + 1 >= n * k / 64);
    CHECK(seen[0][k] <= n * (k + 1) / 64 + 1);
  }
  smooth f(30);
  CHECK(gradcheck(f, f.x, f.gradient, {.samples = 1000}).checked == 30);
}

TEST_CASE("a corner inside the step is skipped, wherever in the step it lies") {
  for (double const where : {-.9, -.5, -1. / 3, -.1, 0., .05, .25, 1. / 3, .5, .7, .95}) {
    CAPTURE(where);
    hinges f{vector<double>(100, .25), vector<double>(100, 0)};
    for (std::size_t i = 0; i < 100; i += 2) f.corner[i] = .5;
    auto gradient = f.gradient();
    REQUIRE(gradcheck(f, f.x, gradient).ok);
    for (std::size_t const kink : {3u, 98u, 99u}) f.corner[kink] = .25 + where * 1e-5;  // 99: also the largest slope
    gradient = f.gradient();
    auto const report = gradcheck(f, f.x, gradient);
    CHECK_MESSAGE(report.ok, report.describe());
    CHECK(report.skipped == 3);
    gradient[50] += 1e-5 * 97;  // a mistake elsewhere is still found
    CHECK_FALSE(gradcheck(f, f.x, gradient).ok);
  }
}

TEST_CASE("a jump is no derivative, and does not hide mistakes") {
  smooth f(100);
  auto const loss = [&] { return f() + (f.x[7] > std::cos(49.0) + 3e-6 ? 5 : 0); };
  auto report = gradcheck(loss, f.x, f.gradient);
  CHECK_MESSAGE(report.ok, report.describe());
  CHECK(report.skipped == 1);
  f.gradient[20] += 1e-5 * largest(f.gradient);
  report = gradcheck(loss, f.x, f.gradient);
  CHECK_FALSE(report.ok);
  CHECK(report.index == 20);
}

TEST_CASE("more than one kink in twenty fails") {
  hinges f{vector<double>(100, .25), vector<double>(100, 0)};
  for (std::size_t i = 0; i < 5; ++i) f.corner[i * 10] = .25;
  CHECK(gradcheck(f, f.x, f.gradient()).ok);
  f.corner[95] = .25;
  auto const report = gradcheck(f, f.x, f.gradient());
  CHECK_FALSE(report.ok);
  CHECK(report.skipped == 6);
}

TEST_CASE("checks that cannot be made are not passed") {
  vector<double> x{1, 2}, g{1, 1}, short_one{1};
  double calls = 0;
  auto const report = gradcheck([&] { return x[0] + x[1] + ++calls; }, x, g);
  CHECK_FALSE(report.ok);
  CHECK(report.describe().starts_with("the loss is not a function of the values"));
  CHECK_FALSE(gradcheck([&] { return x[0] + x[1]; }, x, short_one).ok);
  CHECK_FALSE(gradcheck([] { return 0.0; }, std::span<double>(), {}).ok);
  CHECK_FALSE(gradcheck([&] { return std::log(x[0] - 1); }, x, g).ok);
  CHECK_FALSE(gradcheck([&] { return x[0] > 1 ? INFINITY : x[0]; }, x, g).ok);
}

TEST_CASE("views in a device's memory") {
  using frcnn::view;
  smooth f(60);
  view<double, 2, frcnn::cpu> const values{f.x.data(), {{6, 10}}}, gradient{f.gradient.data(), {{6, 10}}};
  frcnn::cpu::context c(1);
  CHECK(gradcheck(f, values, gradient).ok);
  CHECK(gradcheck(c, f, values, gradient).ok);
  CHECK(gradcheck(f, values, view<double const, 2, frcnn::cpu>(gradient)).ok);
  f.gradient[5] += 1;
  CHECK_FALSE(gradcheck(f, values, gradient).ok);
  CHECK_FALSE(gradcheck(c, f, values, gradient).ok);
}
