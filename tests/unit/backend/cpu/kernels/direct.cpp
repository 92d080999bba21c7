#include "frcnn/backend/cpu/kernels/direct.hpp"

#if FRCNN_HAS_FAST

#include "../convolutions.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

std::vector<float> forward(cpu::context& c, numbered const& l) {
  poison(c);
  auto panels = nans<float>(direct::panel_floats(l.spec));
  direct::pack_weights(c, l.spec, l.stored.data(), panels.data());
  tensor<float> x(c, l.xs, l.x), y(c, l.ys, nans<float>(l.ys.size()));
  direct::convolve(c, l.spec, x.a.data, l.xs, panels.data(), l.b.data(), y.a.data);
  return y.plain();
}

}  // namespace

TEST_CASE("direct: forward against the definition; the number of threads changes no bit") {
  for (layer_case lc : cases)
    for (bool relu : {false, true}) {
      if (lc.spec.kernel > direct::most_rows) continue;  // others take it
      lc.spec.relu = relu;
      numbered const l(lc);
      CAPTURE(to_string(lc.x));
      CAPTURE(lc.spec.out_channels);
      CAPTURE(lc.spec.kernel);
      CAPTURE(lc.spec.stride);
      cpu::context one(1), two(2), three(3);
      auto const y = forward(one, l);
      CHECK(near(y, naive(l.spec, l.xs, l.x, l.w, l.b, l.g).y, tolerance<float>));
      CHECK(same_bits(forward(two, l), y));
      CHECK(same_bits(forward(three, l), y));
    }
}

TEST_CASE("direct: panels hold the weights turned, zeros where a window or the outputs end") {
  numbered const l({{5, 37, 3, 1, 1, true}, {{1, 5, 3, 3}}});
  int const taps = 45, depth = direct::depth(l.spec), wide = (37 + simd::lanes - 1) / simd::lanes * simd::lanes;
  CHECK((depth % simd::lanes == 0 && depth >= taps && depth < taps + simd::lanes));
  CHECK(direct::panel_floats(l.spec) == static_cast<std::size_t>(depth * wide));
  cpu::context c(2);
  auto panels = nans<float>(direct::panel_floats(l.spec));
  direct::pack_weights(c, l.spec, l.stored.data(), panels.data());
  for (int o = 0; o < wide; ++o)
    for (int t = 0; t < depth; ++t) {
      int const first = o / simd::panel * simd::panel, width = std::min(simd::panel, wide - first);
      CHECK(panels[first * depth + t * width + o - first] == (o < 37 && t < taps ? l.stored[o * taps + t] : 0.f));
    }
}

TEST_CASE("direct: one NaN reaches the outputs whose windows hold it, and no others") {
  numbered l({{4, 20, 3, 1, 1, true}, {{1, 4, 7, 9}}});
  l.x[(2 * 7 + 3) * 9 + 4] = std::numeric_limits<float>::quiet_NaN();  // channel 2, row 3, column 4
  cpu::context c(2);
  auto const y = forward(c, l);
  for (int o = 0; o < 20; ++o)
    for (int i = 0; i < 7; ++i)
      for (int j = 0; j < 9; ++j) CHECK(std::isnan(y[std::size_t((o * 7 + i) * 9 + j)]) == (std::abs(i - 3) <= 1 && std::abs(j - 4) <= 1));
}

}  // namespace cpu_tests

#endif
