// Memory that grows: never two blocks at once, and empty where the new one could not be made.
#include "frcnn/core/grow.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>

using namespace frcnn;

TEST_CASE("grow: makes a block only where a larger one is wanted, after the old one has gone") {
  auto const alive = std::make_shared<int>(0);
  std::shared_ptr<int> memory;
  std::size_t size = 0;
  int made = 0;
  auto const make = [&] {
    CHECK(alive.use_count() == 1);
    ++made;
    return alive;
  };
  grow(memory, size, 8, make);
  CHECK(size == 8);
  grow(memory, size, 8, make);
  grow(memory, size, 3, make);
  CHECK(made == 1);
  grow(memory, size, 9, make);
  CHECK(made == 2);
  CHECK(size == 9);
}

TEST_CASE("grow: a block that cannot be made leaves none, and the size says so") {
  auto memory = std::make_shared<int>(0);
  std::size_t size = 4;
  CHECK_THROWS_AS(grow(memory, size, 5, [&]() -> std::shared_ptr<int> { throw std::runtime_error("no memory"); }), std::runtime_error);
  CHECK(size == 0);
  CHECK_FALSE(memory);
}
