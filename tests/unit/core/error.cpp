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
  // what() is not cut at a zero byte.
  frcnn::error const zero(std::string("a\0b", 3), "one", std::string("\0\0", 2));
  CHECK(std::string(zero.what()) == "a\\x00b: expected one, found \\x00\\x00");
  CHECK(zero.where().size() == 3);
}
