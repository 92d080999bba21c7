#include "frcnn/data/name_groups.hpp"

#include <doctest/doctest.h>

using namespace frcnn::data;

TEST_CASE("names that differ in case, or in what is not seen, are groups") {
  auto const case_of = [](std::set<std::string> const& names) { return name_groups(names).by_case; };
  auto const look_of = [](std::set<std::string> const& names) { return name_groups(names).by_look; };
  CHECK(case_of({"cat", "Cat", "CAT", "dog"}).first == "'CAT', 'Cat', 'cat'");
  CHECK(case_of({"\u00C4pfel", "\u00E4pfel"}).count == 1);
  CHECK(case_of({"\u0412\u043E\u0434\u0430", "\u0432\u043E\u0434\u0430"}).count == 1);
  CHECK(look_of({"cat", "Cat", "\u00C4pfel", "\u00E4pfel"}).count == 0);
  CHECK(look_of({"caf\u00E9", "cafe\u0301"}).first == "'cafe\\u0301', 'caf\\u00E9'");
  CHECK(case_of({"caf\u00E9", "cafe\u0301"}).count == 0);
  CHECK(look_of({"traffic light", "traffic\u00A0light", "traffic  light"}).first ==
        "'traffic  light', 'traffic light', 'traffic\\u00A0light'");
  CHECK(look_of({"a b", "A\u00A0b"}).count == 1);  // in both
  CHECK(look_of({"caf\u00E9", "cafe\u0301", "Cafe\u0301"}).count == 1);
  CHECK(case_of({"caf\u00E9", "cafe\u0301", "Cafe\u0301"}).count == 1);
  CHECK(look_of({"a", "\u0430", "b"}).first == "'a', '\\u0430'");
  CHECK(look_of({"a b", "ab", "a_b", "a-b", "cafe", "caf\u00E9"}).count == 0);
}
