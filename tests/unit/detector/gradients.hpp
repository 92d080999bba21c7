#pragma once
// What a step leaves in the parameter store, against central differences.
#include "frcnn/testing/gradcheck.hpp"
#include "narrow.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace detector_tests {

// Checks the gradients that `run` (a loss with a backward pass) leaves in the store, on some elements of each parameter; those of
// parameters for which `reached` is false must be untouched.
template <class Model, class Run, class Reached>
void check_gradients(Model& model, Run run, Reached reached,
                     testing::gradcheck_options const& how = {.tolerance = 1e-6, .step = 2e-6, .samples = 24, .may_skip = .2}) {
  auto const before = model.parameters().gradients();
  std::ranges::fill(before, std::numeric_limits<double>::quiet_NaN());
  double const centre = run();
  CHECK(std::isfinite(centre));
  auto& store = model.parameters();
  std::vector<std::vector<double>> analytic;
  for (auto const& e : store.entries()) analytic.push_back(to_host(e.p->grad));
  std::size_t at = 0, skipped = 0, checked = 0;
  for (auto const& e : store.entries()) {
    auto const& gradient = analytic[at++];
    CAPTURE(e.name);
    if (e.p->kind == param_kind::buffer) continue;
    if (!reached(e.name)) {
      CHECK(std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isnan(g); }));
      continue;
    }
    CHECK(std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); }));
    CHECK(std::any_of(gradient.begin(), gradient.end(), [](double g) { return g != 0; }));
    auto const loss = [&] {
      ++e.p->version;  // the values were changed behind the store's back
      return run();
    };
    auto const report = testing::gradcheck(loss, std::span(e.p->value.data, e.p->size()), gradient, how);
    CHECK_MESSAGE(report.ok, e.name, ": ", report.describe());
    skipped += report.skipped;
    checked += report.checked;
  }
  // A weight of the first layer moves thousands of ReLUs, some over their corner: many are skipped there, few in all.
  CHECK(checked > 200);
  CHECK_MESSAGE(skipped * 20 <= checked, skipped, " of ", checked, " skipped");
}

inline constexpr auto everywhere = [](std::string const&) { return true; };

}  // namespace detector_tests
