#include "frcnn/distributed/background.hpp"

#include "frcnn/core/error.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace frcnn;

TEST_CASE("work is done in order, beside the caller, and an exception comes with wait()") {
  distributed::background behind;
  CHECK(behind.is_idle());
  std::vector<int> order;
  auto const caller = std::this_thread::get_id();
  bool other = true;
  for (int i = 0; i < 100; ++i)
    behind.push([&, i] {
      order.push_back(i);
      other = other && std::this_thread::get_id() != caller;
    });
  behind.wait();
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  CHECK(other);
  CHECK(behind.is_idle());

  bool behind_it = false, waited = false;
  behind.push([] { throw error("sum", "one", "none"); });
  behind.push([&] { behind_it = true; });
  CHECK_THROWS_AS(behind.wait(), error);
  behind.push([&] {
    while (!behind.waited_for()) std::this_thread::yield();
    waited = true;
  });
  behind.wait();
  CHECK(waited);
}
