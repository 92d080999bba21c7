#include "frcnn/core/abandon.hpp"

#include <doctest/doctest.h>

#include <thread>

using namespace frcnn;

TEST_CASE("work is given up inside a scope whose flag is set, and nowhere else") {
  std::atomic<bool> flag{false};
  std::atomic<bool> const unset{false};
  CHECK_NOTHROW(stop_if_abandoned());
  {
    abandonable const scope(flag);
    CHECK_FALSE(is_abandoned());
    flag = true;
    CHECK(is_abandoned());
    CHECK_THROWS_AS(stop_if_abandoned(), abandoned);
    {
      abandonable const inner(unset);  // the innermost counts
      CHECK_NOTHROW(stop_if_abandoned());
    }
    CHECK(is_abandoned());
    bool elsewhere = true;
    std::thread([&] { elsewhere = is_abandoned(); }).join();  // a scope is its thread's
    CHECK_FALSE(elsewhere);
  }
  CHECK_FALSE(is_abandoned());
}
