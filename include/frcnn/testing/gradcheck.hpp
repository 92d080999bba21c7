#pragma once
// Gradient check: analytic gradients against central differences in double.
//
//   numeric[i] = (loss(x + h e_i) - loss(x - h e_i)) / 2h,   h = step * max(1, |x_i|)
//   passes where |analytic[i] - numeric[i]| <= tolerance * max |numeric| + what rounding of the loss does to a difference
//
// 1. difference every element, or `samples` of them, one of each of as many equal stretches (the same in every run)
// 2. the scale is the largest |numeric| that is no kink's
// 3. an element that disagrees is looked at again with half the step: where a one-sided slope changes inside the step (a ReLU's corner, a
//    maximum that changes hands, a jump), there is no derivative to compare with; it is skipped, and more than 5 % of those fail the check
// The loss must give equal bits for equal values: hold samples, selections and dropout masks. Values are put back as they were.
//
// Example: std::vector<double> x{1, 2}, dx{2, 4};   // loss = x0^2 + x1^2
//          auto const report = gradcheck([&] { return x[0] * x[0] + x[1] * x[1]; }, std::span(x), dx);
//          report.ok                                // true; with dx[1] = 4.00001: false, index 1
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/rng.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::testing {

struct gradcheck_options {
  double tolerance = 1e-6;  // relative to the largest numeric gradient of the tensor
  double step = 1e-5;       // of a value of size 1 or less; in proportion above
  std::size_t samples = 0;  // elements to look at; 0: all
  double may_skip = 0.05;   // share of kinks
};

struct gradcheck_report {
  bool ok = false;
  double worst = 0;  // |analytic - numeric| / max |numeric| of the worst element that is no kink
  std::size_t index = 0;
  double analytic = 0, numeric = 0;      // of that element
  std::size_t checked = 0, skipped = 0;  // skipped: kinks among the checked
  std::string trouble;                   // why the check could not be made; empty otherwise

  explicit operator bool() const { return ok; }
  std::string describe() const {
    if (!trouble.empty()) return trouble;
    char text[256];
    std::snprintf(text, sizeof text,
                  "%s: worst at %zu: analytic %.12g, numeric %.12g, relative difference %.3g; %zu checked, %zu skipped as kinks",
                  ok ? "agrees" : "differs", index, analytic, numeric, worst, checked, skipped);
    return text;
  }
};

namespace detail {

// One element's differences, and what half the step says of them.
template <class Loss, class Set>
class differences {
 public:
  differences(Loss& loss, Set& set, double centre, double tolerance, double step)
      : loss_(loss), set_(set), centre_(centre), tolerance_(tolerance), step_(step) {}

  double central(std::size_t i, double x) const { return at(i, x, step_).central; }

  // What rounding may do to a difference: every evaluation is uncertain by some units in the last place.
  double noise(double x) const {
    return 16 * std::numeric_limits<double>::epsilon() * std::abs(centre_) / (step_ * std::max(1.0, std::abs(x)));
  }

  // Of a smooth loss, halving the step leaves the central difference and halves the bend, up to terms far below the tolerance.
  bool kink(std::size_t i, double x) const {
    auto const whole = at(i, x, step_), half = at(i, x, step_ / 2);
    double const slope = std::max({std::abs(whole.left), std::abs(whole.right), std::abs(half.left), std::abs(half.right)});
    double const allowed = 2 * (tolerance_ * slope + 4 * noise(x));
    return std::abs(whole.central - half.central) > allowed ||
           std::abs((whole.right - whole.left) - 2 * (half.right - half.left)) > allowed;
  }

 private:
  struct slopes {
    double left, central, right;
  };
  slopes at(std::size_t i, double x, double step) const {
    double const h = step * std::max(1.0, std::abs(x));
    double const above = x + h, below = x - h;  // rounded: divide by what was really moved
    set_(i, above);
    double const high = loss_();
    set_(i, below);
    double const low = loss_();
    set_(i, x);
    return {(centre_ - low) / (x - below), (high - low) / (above - below), (high - centre_) / (above - x)};
  }

  Loss& loss_;
  Set& set_;
  double centre_, tolerance_, step_;
};

template <class Loss, class Set>
gradcheck_report gradcheck(Loss& loss, std::vector<double> const& x, Set&& set, std::span<double const> analytic,
                           gradcheck_options const& options) {
  gradcheck_report report;
  if (x.empty() || x.size() != analytic.size()) {
    report.trouble = std::to_string(x.size()) + " values, " + std::to_string(analytic.size()) + " gradients: nothing to check";
    return report;
  }
  double const centre = loss();
  differences const difference(loss, set, centre, options.tolerance, options.step);

  // 1
  std::size_t const n = x.size(), m = options.samples ? std::min(options.samples, n) : n;
  std::vector<std::size_t> index(m);
  std::vector<double> numeric(m);
  for (std::size_t k = 0; k < m; ++k) {
    std::size_t const begin = n / m * k + n % m * k / m, end = n / m * (k + 1) + n % m * (k + 1) / m;
    index[k] = begin + random_bits(0, 0, 0, draw::test, k) % (end - begin);
    numeric[k] = difference.central(index[k], x[index[k]]);
  }
  if (double const again = loss(); again != centre) {
    report.trouble = "the loss is not a function of the values: " + std::to_string(centre) + ", then " + std::to_string(again);
    return report;
  }
  for (std::size_t k = 0; k < m; ++k)
    if (!is_finite(numeric[k])) {
      report.trouble = "the loss is not finite at element " + std::to_string(index[k]);
      return report;
    }

  // 2
  std::vector<std::size_t> order(m);
  for (std::size_t k = 0; k < m; ++k) order[k] = k;
  std::ranges::sort(order, std::greater<>{}, [&](std::size_t k) { return std::abs(numeric[k]); });
  std::vector<bool> skip(m);
  auto const disagrees = [&](std::size_t k, double scale) {
    return !(std::abs(analytic[index[k]] - numeric[k]) <= options.tolerance * scale + difference.noise(x[index[k]]));
  };
  double scale = 0;
  for (std::size_t const k : order) {
    skip[k] = disagrees(k, std::abs(numeric[k])) && difference.kink(index[k], x[index[k]]);
    if (!skip[k]) {
      scale = std::abs(numeric[k]);
      break;
    }
  }

  // 3
  report.ok = true;
  report.checked = m;
  bool first = true;
  for (std::size_t k = 0; k < m; ++k) {
    bool const wrong = !skip[k] && disagrees(k, scale);
    if (wrong && difference.kink(index[k], x[index[k]])) skip[k] = true;
    if (skip[k]) {
      ++report.skipped;
      continue;
    }
    if (wrong) report.ok = false;
    double const off = std::abs(analytic[index[k]] - numeric[k]);
    double const relative = off == 0 ? 0 : off / scale;
    if (first || !(relative <= report.worst)) {
      report.worst = relative, report.index = index[k], report.analytic = analytic[index[k]], report.numeric = numeric[k];
      first = false;
    }
  }
  if (static_cast<double>(report.skipped) > options.may_skip * static_cast<double>(m)) report.ok = false;
  return report;
}

}  // namespace detail

// loss() -> double reads `values`, which are moved one at a time and put back.
template <class Loss>
gradcheck_report gradcheck(Loss&& loss, std::span<double> values, std::span<double const> analytic, gradcheck_options const& options = {}) {
  std::vector<double> const x(values.begin(), values.end());
  return detail::gradcheck(
      loss, x, [values](std::size_t i, double v) { values[i] = v; }, analytic, options);
}

// The same for values and gradients in a device's memory, in the same order.
template <class Loss, class G, int R, Backend B>
gradcheck_report gradcheck(typename B::context& c, Loss&& loss, view<double, R, B> values, view<G, R, B> analytic,
                           gradcheck_options const& options = {}) {
  std::vector<double> const x = to_host(c, values), gradient = to_host(c, analytic);
  return detail::gradcheck(
      loss, x,
      [&c, values](std::size_t i, double v) {
        c.copy_in(values.data + i, &v, sizeof v);
        c.wait();
      },
      gradient, options);
}
template <class Loss, class G, int R, Backend B>
requires(B::in_host_memory) gradcheck_report
    gradcheck(Loss&& loss, view<double, R, B> values, view<G, R, B> analytic, gradcheck_options const& options = {}) {
  return gradcheck(loss, std::span(values.data, values.size()), to_host(analytic), options);
}

}  // namespace frcnn::inline FRCNN_ABI::testing
FRCNN_HIDDEN_END
