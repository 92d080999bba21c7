// Views: row-major, and nothing behind them.
#include "frcnn/core/view.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace frcnn;

TEST_CASE("view: element [i, j, k] lies at (i*J + j)*K + k") {
  int numbers[24];
  for (int i = 0; i < 24; ++i) numbers[i] = i;
  view<int, 3, cpu> const v{numbers, {{2, 3, 4}}};
  CHECK(v.size() == 24);
  CHECK(v(1, 2, 3) == 23);
  CHECK(v(1, 0, 2) == 14);
  v(0, 1, 0) = -1;
  CHECK(numbers[4] == -1);
  view<int const, 3, cpu> const read = v;
  CHECK(read(0, 1, 0) == -1);
  static_assert(!std::is_convertible_v<view<int const, 3, cpu>, view<int, 3, cpu>>);
}

TEST_CASE("view: an empty one is false: not wanted") {
  CHECK_FALSE(view<int, 1, cpu>{});
  int one = 1;
  CHECK(view<int, 1, cpu>{&one, {{1}}});
}
