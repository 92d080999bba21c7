// A buffer whose device runs out of memory is empty, and may be asked again.
#include "frcnn/core/buffer.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <new>

using namespace frcnn;

namespace {

// A device that has memory for as many allocations as it is told.
struct scarce {
  template <class T>
  using activation = cpu::activation<T>;
  using options = cpu::options;
  using memory = cpu::memory;
  using host_memory = cpu::host_memory;
  using event = cpu::event;
  static constexpr bool in_host_memory = true;
  static inline int left = 0;
  struct context : cpu::context {
    using cpu::context::context;
    memory allocate(std::size_t bytes) {
      if (left-- <= 0) throw std::bad_alloc();
      return cpu::context::allocate(bytes);
    }
  };
};
static_assert(Backend<scarce>);

}  // namespace

TEST_CASE("buffer: grows, and keeps what it has where it need not") {
  scarce::left = 2;
  scarce::context c(1);
  buffer<int, scarce> b;
  CHECK(b.data() == nullptr);
  int* const first = b.reserve(c, 4);
  first[3] = 7;
  CHECK(b.reserve(c, 2) == first);
  CHECK(b.capacity() == 4);
  CHECK(b.data()[3] == 7);
  b.reserve(c, 100);
  CHECK(b.capacity() == 100);
}

TEST_CASE("buffer: after an allocation that failed it is empty, not a size without memory") {
  scarce::left = 1;
  scarce::context c(1);
  buffer<int, scarce> b(c, 4);
  CHECK_THROWS_AS(b.reserve(c, 8), std::bad_alloc);
  CHECK(b.capacity() == 0);
  CHECK(b.data() == nullptr);
  scarce::left = 1;
  int* const again = b.reserve(c, 3);
  REQUIRE(again != nullptr);
  again[2] = 1;
  CHECK(b.capacity() == 3);
}

TEST_CASE("buffer: a size that wraps is refused before anything is given up") {
  scarce::left = 1;
  scarce::context c(1);
  buffer<double, scarce> b(c, 4);
  double* const memory = b.data();
  CHECK_THROWS_AS(b.reserve(c, std::numeric_limits<std::size_t>::max()), error);
  CHECK_THROWS_AS(b.reserve(c, std::numeric_limits<std::size_t>::max() / 8 + 2), error);
  CHECK_THROWS_AS(b.shaped(c, shape<2>{{1, -1}}), error);
  CHECK(b.data() == memory);
  CHECK(b.capacity() == 4);
}

TEST_CASE("cpu::context: memory that cannot be had is an exception") {
  cpu::context c(1);
  for (std::size_t const bytes :
       {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() - (std::size_t{3} << 20)})
    CHECK_THROWS_AS(c.allocate(bytes), error);
  CHECK_THROWS_AS(c.allocate(std::size_t{1} << 60), std::bad_alloc);
  CHECK_THROWS_AS(c.scratch_of<double>(std::numeric_limits<std::size_t>::max() / 4), error);
  CHECK_THROWS_AS(c.make<float>({{1, -3, 4, 4}}), error);
}

TEST_CASE("buffer: what is moved from is empty, and what a move meets is given up") {
  scarce::left = 3;
  scarce::context c(1);
  buffer<int, scarce> a(c, 4), b(c, 8);
  int* const first = a.data();
  buffer<int, scarce> d(std::move(a));
  CHECK((d.data() == first && d.capacity() == 4));
  CHECK((a.data() == nullptr && a.capacity() == 0));
  b = std::move(d);
  CHECK((b.data() == first && b.capacity() == 4));
}
