// Small blocks from the heap, large ones from the system: either holds what is written into it.
#include "frcnn/core/page_allocator.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

using namespace frcnn;

TEST_CASE("page_allocator: a vector grows across the border and back") {
  std::vector<std::int64_t, page_allocator<std::int64_t>> v;
  std::size_t const border = page_allocator<std::int64_t>::least / sizeof(std::int64_t);
  for (std::size_t const n : {std::size_t{3}, border - 1, border, 3 * border}) {
    v.resize(n);
    std::iota(v.begin(), v.end(), 1);
    CHECK(v.back() == static_cast<std::int64_t>(n));
    CHECK(std::accumulate(v.begin(), v.end(), std::int64_t{0}) == static_cast<std::int64_t>(n) * static_cast<std::int64_t>(n + 1) / 2);
  }
  v.resize(2);
  v.shrink_to_fit();
  CHECK(v == decltype(v){1, 2});
}

TEST_CASE("page_allocator: a size that wraps is refused") {
  CHECK_THROWS_AS(page_allocator<double>().allocate(std::numeric_limits<std::size_t>::max() / 4), error);
}
