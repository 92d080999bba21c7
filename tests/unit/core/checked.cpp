#include "frcnn/core/checked.hpp"
#include "frcnn/core/finite.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace frcnn;

TEST_CASE("checked: sizes that fit come out, others are refused") {
  constexpr std::size_t half = std::size_t{1} << 62;
  CHECK(checked::product(6, 7) == 42);
  CHECK(checked::product(0, ~std::size_t{0}) == 0);
  CHECK(checked::product(~std::size_t{0}, 0) == 0);
  CHECK(checked::product(half, 1) == half);
  CHECK_THROWS_AS(checked::product(half, 2), error);
  CHECK_THROWS_AS(checked::product(std::size_t{1} << 40, std::size_t{1} << 40), error);
  CHECK(checked::sum(half, half - 1) == checked::most);
  CHECK_THROWS_AS(checked::sum(half, half), error);
  CHECK_THROWS_AS(checked::sum(~std::size_t{0}, 1), error);
  CHECK(checked::bytes<double>(3) == 24);
  CHECK_THROWS_AS(checked::bytes<double>(half), error);
}

TEST_CASE("checked: shapes") {
  constexpr int large = 2'000'000'000;
  CHECK(checked::elements(shape<3>{{2, 3, 4}}) == 24);
  CHECK(checked::elements(shape<2>{{large, 4}}) == std::size_t{8'000'000'000});
  CHECK(checked::elements(shape<4>{{large, large, large, 0}}) == 0);
  CHECK_THROWS_AS(checked::elements(shape<4>{{large, large, large, large}}), error);
  CHECK_THROWS_AS(checked::elements(shape<2>{{0, -1}}), error);
  try {
    checked::elements(shape<2>{{-1, 4}});
    FAIL("a negative extent");
  } catch (error const& e) {
    CHECK(std::string(e.what()) == "size of an array: expected extents of 0 or more, found [-1,4]");
  }
  CHECK(checked::extent(2'147'483'647u) == 2'147'483'647);
  CHECK_THROWS_AS(checked::extent(2'147'483'648u), error);
}

TEST_CASE("finite: asked of the bits") {
  double const inf = HUGE_VAL;
  for (double const v : {0.0, -0.0, 1e308, -5e-324}) {
    CHECK(is_finite(v));
    CHECK_FALSE(is_nan(v));
  }
  CHECK_FALSE(is_finite(inf));
  CHECK_FALSE(is_finite(-inf));
  CHECK_FALSE(is_nan(-inf));
  CHECK_FALSE(is_finite(inf - inf));
  CHECK(is_nan(inf - inf));
  CHECK(is_nan(static_cast<float>(inf - inf)));
  CHECK_FALSE(is_finite(static_cast<float>(inf)));
  CHECK_FALSE(is_nan(static_cast<float>(inf)));
  CHECK(is_finite(3.4e38f));
}
