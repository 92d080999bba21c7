#include "frcnn/data/look_alike.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace frcnn::data;

TEST_CASE("NFC and NFD of a letter are equal, as Python has them, and different letters are not") {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../golden/normal_forms.txt");
  std::string composed, apart;
  int letters = 0, alone = 0;
  for (std::u32string before; in >> composed >> apart; ++letters) {
    CHECK_MESSAGE(decomposed(composed) == decomposed(apart), composed);
    CHECK(decomposed(composed) != before);
    CHECK(look_alike_key("x" + composed) == look_alike_key("x" + apart));
    CHECK(look_alike_key(composed) != look_alike_key(apart.substr(0, apart.size() - 2)));  // its last mark cut
    alone += with_visible_escapes(apart).find("\\u") != std::string::npos;
    before = decomposed(composed);
  }
  CHECK(letters > 700);
  CHECK(alone == letters);
  // marks above and below, in whichever order they were typed
  CHECK(decomposed("a\u0323\u0302") == decomposed("a\u0302\u0323"));
  CHECK(decomposed("\u1EAD") == decomposed("a\u0302\u0323"));
  CHECK(decomposed("\u212B") == decomposed("\u00C5"));
}

TEST_CASE("blanks, invisible signs, wide letters, dashes and other scripts' letters look alike") {
  auto const same = [](std::string const& a, std::string const& b) { return look_alike_key(a) == look_alike_key(b); };
  for (char const* other : {"traffic\u00A0light", "traffic\u3000light", "traffic  light", " traffic light\u2009", "Traffic Light",
                            "traffic\tlight", "traf\u00ADfic \u200Blight\uFEFF", "\uFF54raffic light", "tr\u0430ffic light"}) {
    CAPTURE(other);
    CHECK(same("traffic light", other));
  }
  CHECK(same("t-shirt", "t\u2011shirt"));
  CHECK(same("driver's", "driver\u2019s"));
  CHECK(same("\u00B5m", "\u03BCm"));
  CHECK(same("fish office", "\uFB01sh o\uFB03ce"));
  for (char const* other : {"trafficlight", "traffic lights", "traffic_light", "traffic1ight", "tra\u00EFfic light", ""})
    CHECK_FALSE(same("traffic light", other));
  CHECK_FALSE(same("\xC4pfel", "\xE4pfel"));  // bytes that are no text
  CHECK_FALSE(same("\xC4pfel", "\u00C4pfel"));
}

TEST_CASE("case is any script's") {
  CHECK(in_one_case("\u00C4PFEL") == in_one_case("\u00E4pfel"));
  CHECK(in_one_case("A\u0308pfel") == in_one_case("\u00E4pfel"));
  CHECK(in_one_case("\u0412\u041E\u0414\u0410\u0401") == in_one_case("\u0432\u043E\u0434\u0430\u0451"));
  CHECK(in_one_case("\u03A3") == in_one_case("\u03C3"));
  CHECK(in_one_case("a\u00A0b") != in_one_case("a b"));
}

TEST_CASE("what is not seen is written out, and what differs is said") {
  CHECK(with_visible_escapes("plain 'text' 1") == "plain 'text' 1");
  CHECK(with_visible_escapes("a\u00A0b\u200B\t") == "a\\u00A0b\\u200B\\u0009");
  CHECK(with_visible_escapes("\uFB01sh") == "\\uFB01sh");
  CHECK(with_visible_escapes("caf\u00E9") == "caf\\u00E9");
  CHECK(with_visible_escapes("25\xB0"
                             "C") == "25\\xB0C");  // Latin-1
  CHECK(with_visible_escapes("cafe\u0301") == "cafe\\u0301");
  CHECK(with_visible_escapes("\u732B\U0001F600") == "\u732B\U0001F600");
  CHECK(with_visible_escapes("caf\xE9!") == "caf\\xE9!");
  CHECK(with_visible_escapes("\xE9\x80") == "\\xE9\\x80");
  CHECK(difference("caf\u00E9", "cafe\u0301") == "in another Unicode normal form (NFC, NFD)");
  CHECK(difference("IMG", "img") == "in another case");
  CHECK(difference("a b", "a\u00A0b") == "which only looks the same");
}
