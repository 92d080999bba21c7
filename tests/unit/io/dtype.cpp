#include "frcnn/io/dtype.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace frcnn::io;

namespace {
template <class T, class S>
bool converts(S value, T& out) {
  return convert(dtype_of<S>(), reinterpret_cast<std::byte const*>(&value), 1, &out);
}
}  // namespace

TEST_CASE("half precision: every finite value against its definition, and the rest") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    int const exponent = (bits >> 10) & 31;
    double const fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
    float const value = half_to_float(static_cast<std::uint16_t>(bits));
    if (exponent == 31) {
      CHECK((fraction == 0 ? std::isinf(value) : std::isnan(value)));
    } else {
      CHECK(value == sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24)));
    }
    CHECK(std::signbit(value) == (sign < 0));
  }
  CHECK(bfloat16_to_float(0x3f80) == 1);
  CHECK(bfloat16_to_float(0xc049) == -3.140625f);
}

TEST_CASE("names and types are each other's inverse") {
  for (std::size_t i = 0; i < std::size(dtype_table); ++i) CHECK(dtype_named(dtype_table[i].name) == static_cast<dtype>(i));
  CHECK_FALSE(dtype_named("F33"));
  CHECK(name_of(dtype_of<float>()) == "F32");
  CHECK(name_of(dtype_of<std::int64_t>()) == "I64");
  CHECK(name_of(dtype_of<unsigned char>()) == "U8");
  CHECK(size_of(dtype::bf16) == 2);
  CHECK(size_of(dtype::f64) == 8);
}

TEST_CASE("numbers convert within their kind, and only where they fit") {
  float f;
  double d;
  std::uint8_t u;
  std::int64_t i;
  CHECK((converts(0.1, f) && f == 0.1f));
  CHECK((converts(0.5f, d) && d == 0.5));
  CHECK((converts(std::int64_t{255}, u) && u == 255));
  CHECK((converts(std::uint32_t{7}, i) && i == 7));
  CHECK_FALSE(converts(std::int64_t{256}, u));
  CHECK_FALSE(converts(std::int8_t{-1}, u));
  CHECK_FALSE(converts(~std::uint64_t{0}, i));
  CHECK_FALSE(converts(std::int32_t{1}, f));
  CHECK_FALSE(converts(1.0f, i));
  CHECK_FALSE(convert(dtype::c64, nullptr, 0, &f));
}
