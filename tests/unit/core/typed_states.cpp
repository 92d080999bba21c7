#include "frcnn/core/typed_states.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace frcnn;

TEST_CASE("each type has one state, made at first use, and keeps its address") {
  struct counter {
    int value;
    explicit counter(int first) : value(first) {}
  };
  typed_states states;
  counter& one = states.get<counter>(3);
  CHECK(one.value == 3);
  states.get<std::string>("named") += ", and changed";
  ++one.value;
  for (int i = 0; i < 2; ++i) {
    CHECK(&states.get<counter>(7) == &one);
    CHECK(one.value == 4);
  }
  CHECK(states.get<std::string>() == "named, and changed");
}
