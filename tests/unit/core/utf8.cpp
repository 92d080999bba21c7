#include "frcnn/core/utf8.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace frcnn;
using namespace std::string_literals;

TEST_CASE("UTF-8 is told from what is none at the first wrong byte") {
  for (std::string const& good : {""s, "cat"s, "\xC3\xA9"s, "\xE2\x82\xAC"s, "\xF0\x9F\x98\x80"s, "\xF4\x8F\xBF\xBF"s, "a\0b"s})
    CHECK(fault_in_utf8(good) == std::string::npos);
  // a lone tail, longer forms, a surrogate, above U+10FFFF, cut short, Latin-1
  for (std::string const& bad : {"\x80"s, "\xC0\x80"s, "\xE0\x80\x80"s, "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s, "\xF0\x8F\xBF\xBF"s,
                                 "\xE2\x82"s, "\xC4pfel"s, "\xFF"s})
    CHECK(fault_in_utf8("cat" + bad) == 3);
  CHECK(utf8_length("a") == 1);
  CHECK(utf8_length("\xE2\x82\xAC.") == 3);
  CHECK(utf8_length("\xE2\x82.") == 0);
}
