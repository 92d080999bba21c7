// Keys and their unsigned numbers have one order.
#include "frcnn/core/ordered_bits.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

using namespace frcnn;

TEST_CASE_TEMPLATE("ordered_bits: as the keys order", T, float, double, std::int32_t, std::uint32_t, std::int64_t) {
  using limits = std::numeric_limits<T>;
  std::vector<T> keys{T(0), T(1), limits::max()};
  if constexpr (limits::is_signed) keys = {limits::lowest(), T(-1), T(0), T(1), limits::max()};
  if constexpr (limits::has_infinity) {
    T const tiny = limits::denorm_min();
    keys = {-limits::infinity(), limits::lowest(), T(-1), -3 * tiny, -tiny, T(0), tiny, 3 * tiny, T(1), limits::max(), limits::infinity()};
    CHECK(detail::ordered_bits(T(-0.)) == detail::ordered_bits(T(0)));
    CHECK(detail::is_nan_key(limits::quiet_NaN()));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK_FALSE(detail::is_nan_key(keys[i]));
    for (std::size_t j = 0; j < i; ++j) CHECK(detail::ordered_bits(keys[j]) < detail::ordered_bits(keys[i]));
  }
}
