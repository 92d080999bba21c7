// On the host's own memory copies are done at once; tests/unit/backend/queued has those that run later.
#include "frcnn/core/staging.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("staging: values arrive as they were when they were sent") {
  cpu::context c(1);
  staging<int, cpu> up;
  std::vector<int> from{1, 2, 3}, to(3);
  up.send(c, from, to.data());
  from = {7, 7, 7};
  CHECK(to == std::vector<int>{1, 2, 3});
  up.send(c, {}, nullptr);
  CHECK(up.blocks() == 0);
}

TEST_CASE("readback: values are those of start(), and the next start() gives them up") {
  cpu::context c(1);
  readback<int, cpu> down;
  CHECK(down.get().empty());
  std::vector<int> device{1, 2, 3};
  down.start(c, device.data(), 3);
  device[0] = 9;
  REQUIRE(down.get().size() == 3);
  CHECK(down.get()[0] == 1);
  down.start(c, device.data(), 1);
  REQUIRE(down.get().size() == 1);
  CHECK(down.get()[0] == 9);
  down.start(c, nullptr, 0);
  CHECK(down.get().empty());
}
