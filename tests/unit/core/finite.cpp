// What is finite and what is NaN, by the bits: the compiler may assume nothing about either.
#include "frcnn/core/finite.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>

using namespace frcnn;

TEST_CASE_TEMPLATE("finite: at both ends of the scale, and beyond", T, float, double) {
  using limits = std::numeric_limits<T>;
  for (T const v : {T(0), -T(0), limits::denorm_min(), limits::min(), T(-1), limits::max(), limits::lowest()}) {
    CHECK(is_finite(v));
    CHECK_FALSE(is_nan(v));
  }
  for (T const v : {limits::infinity(), -limits::infinity()}) {
    CHECK_FALSE(is_finite(v));
    CHECK_FALSE(is_nan(v));
  }
  for (T const v : {limits::quiet_NaN(), -limits::quiet_NaN(), limits::signaling_NaN()}) {
    CHECK_FALSE(is_finite(v));
    CHECK(is_nan(v));
  }
  static_assert(is_finite(T(1)) && is_nan(limits::quiet_NaN()));
}
