#include "frcnn/backend/cpu/arena.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>

using frcnn::arena;

TEST_CASE("arena: blocks are aligned, apart, and come again after a release") {
  arena a;
  auto const mark = a.mark();
  void *const p = a.take(100), *const q = a.take(1);
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  CHECK(static_cast<std::byte*>(q) - static_cast<std::byte*>(p) == 128);
  CHECK(a.high_water() == 192);
  a.release(mark);
  CHECK(a.take(1) == p);
  CHECK(a.high_water() == 192);
}

TEST_CASE("arena: growing moves nothing") {
  arena a;
  auto* const first = static_cast<std::uint8_t*>(a.take(1000));
  std::memset(first, 7, 1000);
  auto* const big = static_cast<std::uint8_t*>(a.take(std::size_t{200} << 20));  // over many steps of growth
  big[0] = big[(std::size_t{200} << 20) - 1] = 1;
  CHECK(first[999] == 7);
  CHECK(a.take(0) != nullptr);
}

TEST_CASE("arena: what does not fit is an error, and what is there stays usable") {
  arena a(std::size_t{64} << 20);
  CHECK(a.reserved() == std::size_t{64} << 20);
  a.take(std::size_t{60} << 20);
  CHECK_THROWS_AS(a.take(std::size_t{8} << 20), frcnn::error);
  CHECK_THROWS_AS(a.take(~std::size_t{0}), frcnn::error);
  CHECK_THROWS_AS(a.take(~std::size_t{0} - 63), frcnn::error);
  CHECK(a.take(std::size_t{1} << 20) != nullptr);
}
