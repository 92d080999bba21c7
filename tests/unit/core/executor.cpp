// The key of what is dead sorts behind every other. What an executor does is tested for each backend beside it.
#include "frcnn/core/executor.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using namespace frcnn;

TEST_CASE("executor: a dead key is the lowest there is") {
  static_assert(dead_key<std::int32_t> == std::numeric_limits<std::int32_t>::min());
  static_assert(dead_key<float> == -std::numeric_limits<float>::max());
  static_assert(dead_key<double> < -1e300);
}
