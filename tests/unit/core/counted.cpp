// A counted set: rows up to a capacity, and how many of them live.
#include "frcnn/core/counted.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace frcnn;

TEST_CASE("counted: reads as const, never back") {
  int rows[6] = {1, 2, 3, 4, 5, 6};
  std::int32_t live[2] = {2, 1};
  counted<int, 2, cpu> const set{{rows, {{2, 3}}}, {live, {{2}}}};
  counted<int const, 2, cpu> const read = set;
  CHECK(read.rows.data == rows);
  CHECK(read.rows(1, 0) == 4);
  CHECK(read.count(1) == 1);
  static_assert(!std::is_convertible_v<counted<int const, 2, cpu>, counted<int, 2, cpu>>);
}
