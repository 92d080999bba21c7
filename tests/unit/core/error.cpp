// What an error says, and that its parts can be read again.
#include "frcnn/core/error.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

TEST_CASE("error: one sentence of three parts") {
  try {
    throw frcnn::error("cut.jpg:7", "a whole JPEG", "its end missing");
  } catch (std::runtime_error const& caught) {
    CHECK(std::string(caught.what()) == "cut.jpg:7: expected a whole JPEG, found its end missing");
    auto const& e = dynamic_cast<frcnn::error const&>(caught);
    CHECK(e.where() == "cut.jpg:7");
    CHECK(e.expected() == "a whole JPEG");
    CHECK(e.found() == "its end missing");
  }
}
