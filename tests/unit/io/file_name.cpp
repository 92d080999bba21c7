#include "frcnn/io/file_name.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace frcnn::io;

TEST_CASE("file_name: what a name can hold stays, the rest is percent-encoded") {
  for (std::string const name : {"dog", "tv monitor", "caf\xC3\xA9", "100%", "50% off", "a:b*?<>|\\", "...", ".hidden", "\xFF"})
    CHECK(file_name(name, ".txt") == name + ".txt");
  CHECK(file_name("n/a", ".txt") == "n%2Fa.txt");
  CHECK(file_name("a\nb\x7F") == "a%0Ab%7F");
  CHECK(file_name(std::string("a\0b", 3)) == "a%00b");
  CHECK(file_name("n%2Fa") == "n%252Fa");
  CHECK(file_name(".") == "%2E");
  CHECK(file_name("..") == "%2E%2E");
  CHECK(file_name("..", ".png") == "...png");  // a name like any other
}

TEST_CASE("file_name: different texts have different names") {
  std::set<std::string> names;
  std::string const letters = "%/2Fa.";  // every text of up to five of these
  std::size_t texts = 0;
  for (std::size_t length = 1, count = letters.size(); length <= 5; ++length, count *= letters.size())
    for (std::size_t i = 0; i < count; ++i, ++texts) {
      std::string text;
      for (std::size_t k = 0, rest = i; k < length; ++k, rest /= letters.size()) text += letters[rest % letters.size()];
      names.insert(file_name(text));
      REQUIRE(file_name(text).find('/') == std::string::npos);
    }
  CHECK(names.size() == texts);
}

TEST_CASE("file_name: long texts are cut between characters, and stay different") {
  std::string const fits(longest_name - 4, 'x');
  CHECK(file_name(fits, ".txt") == fits + ".txt");
  std::set<std::string> names;
  for (std::string const tail : {"", "y", "yy", "z", "/", "%20"}) {
    std::string const name = file_name(fits + "x" + tail, ".txt");
    CHECK(name.size() == longest_name);
    CHECK(name.ends_with(".txt"));
    CHECK(name.starts_with("xxxx"));
    names.insert(name);
  }
  CHECK(names.size() == 6);
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'x'), encoded(shift, 'x');
    while (text.size() < 300) text += "\xE2\x82\xAC";  // three bytes each
    while (encoded.size() < 300) encoded += '/';
    auto const front = [](std::string const& name) { return name.substr(0, name.size() - 17); };
    CHECK((front(file_name(text)).size() - shift) % 3 == 0);
    CHECK((front(file_name(encoded)).size() - shift) % 3 == 0);
    CHECK(front(file_name(encoded)).size() > 225);
    CHECK(file_name(text).size() <= longest_name);
  }
}

TEST_CASE("file_path: folders stay, but none leads outside") {
  CHECK(file_path("a", ".png") == "a.png");
  CHECK(file_path("day1/a", ".png") == "day1/a.png");
  CHECK(file_path("day 1/x\ny/a", ".png") == "day 1/x%0Ay/a.png");
  CHECK(file_path("../x", ".png") == "..%2Fx.png");
  CHECK(file_path("/etc/x", ".png") == "%2Fetc%2Fx.png");
  CHECK(file_path("a/../../x", ".png") == "a%2F..%2F..%2Fx.png");
  CHECK(file_path("a//b", ".png") == "a%2F%2Fb.png");
  CHECK(file_path("a/", ".png") == "a%2F.png");
  CHECK(file_path("..", ".png") == "...png");
  CHECK(file_path("..") == "%2E%2E");
  for (std::string const id : {"../x", "/x", "a/../../x", "..", ".", "./x", "a/..", "a/b/../../../c", ""}) {
    std::filesystem::path const whole = std::filesystem::path("/out/here") / file_path(id, ".png");
    CHECK(whole.lexically_normal().string().starts_with("/out/here/"));
  }
}
