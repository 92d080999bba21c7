#include "frcnn/core/message.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace frcnn;
using namespace std::string_literals;

TEST_CASE("an excerpt is one short line of UTF-8") {
  CHECK(excerpt("") == "''");
  CHECK(excerpt("cat 1") == "'cat 1'");
  CHECK(excerpt("C:\\data\\a.jpg") == "'C:\\data\\a.jpg'");
  CHECK(excerpt("\x1F\x8B\x08\0\n"s) == "'\\x1F\\x8B\\x08\\x00\\x0A'");
  CHECK(excerpt("caf\xC3\xA9 \xE9\x7F") == "'caf\xC3\xA9 \\xE9\\x7F'");
  CHECK(excerpt("\xC2\x85") == "'\\xC2\\x85'");  // a control character of Unicode
  CHECK(excerpt("\xC3\xA9\xC3\xA9\xC3\xA9", 2) == "'\xC3\xA9\xC3\xA9...'");
  CHECK(excerpt("abc", 3) == "'abc'");
  CHECK(excerpt(std::string(1000, '\xFF')).size() < 300);
}

TEST_CASE("numbers are short") {
  CHECK(number_text(0.001) == "0.001");
  CHECK(number_text(32) == "32");
  CHECK(number_text(1e30) == "1e+30");
  CHECK(number_text(std::numeric_limits<double>::max()).size() < 32);
}
