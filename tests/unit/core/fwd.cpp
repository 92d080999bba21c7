#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"

#include "frcnn/fwd.hpp"  // behind what it declares: this compiles without a warning

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("fwd: its place among the includes is of no matter") {
  error const* const none = nullptr;
  CHECK(none == static_cast<error*>(nullptr));
  CHECK_THROWS_AS(throw error("here", "one", "none"), error);
  CHECK(image(2, 1).width == 2);
}
