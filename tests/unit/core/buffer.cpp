// A buffer whose device runs out of memory is empty, and may be asked again.
#include "frcnn/core/buffer.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <new>

using namespace frcnn;

namespace {

// A device that has memory for as many allocations as it is told.
struct scarce : cpu {
  static inline int left = 0;
  static void* allocate(std::size_t bytes) {
    if (left-- <= 0) throw std::bad_alloc();
    return cpu::allocate(bytes);
  }
};
static_assert(Backend<scarce>);

}  // namespace

TEST_CASE("buffer: grows, and keeps what it has where it need not") {
  scarce::left = 2;
  buffer<int, scarce> b;
  CHECK(b.data() == nullptr);
  int* const first = b.reserve(4);
  first[3] = 7;
  CHECK(b.reserve(2) == first);
  CHECK(b.capacity() == 4);
  CHECK(b.data()[3] == 7);
  b.reserve(100);
  CHECK(b.capacity() == 100);
}

TEST_CASE("buffer: after an allocation that failed it is empty, not a size without memory") {
  scarce::left = 1;
  buffer<int, scarce> b(4);
  CHECK_THROWS_AS(b.reserve(8), std::bad_alloc);
  CHECK(b.capacity() == 0);
  CHECK(b.data() == nullptr);
  scarce::left = 1;
  int* const again = b.reserve(3);
  REQUIRE(again != nullptr);
  again[2] = 1;
  CHECK(b.capacity() == 3);
}

TEST_CASE("buffer: a size that wraps is refused before anything is given up") {
  scarce::left = 1;
  buffer<double, scarce> b(4);
  double* const memory = b.data();
  CHECK_THROWS_AS(b.reserve(std::numeric_limits<std::size_t>::max()), error);
  CHECK_THROWS_AS(b.reserve(std::numeric_limits<std::size_t>::max() / 8 + 2), error);
  CHECK_THROWS_AS(b.shaped(shape<2>{{1, -1}}), error);
  CHECK(b.data() == memory);
  CHECK(b.capacity() == 4);
}

TEST_CASE("cpu::allocate: what cannot be had is an exception") {
  for (std::size_t const bytes :
       {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() - (std::size_t{3} << 20)})
    CHECK_THROWS_AS(cpu::allocate(bytes), error);
  CHECK_THROWS_AS(cpu::allocate(std::size_t{1} << 60), std::bad_alloc);
  cpu::context c(1);
  CHECK_THROWS_AS(c.scratch_of<double>(std::numeric_limits<std::size_t>::max() / 4), error);
  CHECK_THROWS_AS(c.make<float>({{1, -3, 4, 4}}), error);
}
