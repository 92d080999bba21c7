#include "frcnn/viz/text.hpp"

#include "frcnn/viz/shortened.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::viz;

namespace {
// Rows of '#' and '.': which pixels are not black.
std::string drawn(image const& im) {
  std::string rows;
  for (int y = 0; y < im.height; ++y) {
    for (int x = 0; x < im.width; ++x) rows += im.at(x, y)[0] ? '#' : '.';
    rows += '\n';
  }
  return rows;
}
std::size_t lit(image const& im) {
  std::string const rows = drawn(im);
  return static_cast<std::size_t>(std::count(rows.begin(), rows.end(), '#'));
}
constexpr rgb white{255, 255, 255};
}  // namespace

TEST_CASE("text: a letter, pixel by pixel, and the same twice as large") {
  image im(6, 8);
  draw_text(im, 0, 0, "L", 1, white);
  CHECK(drawn(im) ==
        "#.....\n"
        "#.....\n"
        "#.....\n"
        "#.....\n"
        "#.....\n"
        "#.....\n"
        "####..\n"
        "......\n");
  image twice(12, 16);
  draw_text(twice, 0, 0, "L", 2, white);
  bool equal = true;
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 12; ++x) equal = equal && *twice.at(x, y) == *im.at(x / 2, y / 2);
  CHECK(equal);
}

TEST_CASE("text: every printable character is drawn, and no two but l and | look the same") {
  std::vector<std::string> seen;
  for (char c = 33; c < 127; ++c) {
    image im(12, 14);
    draw_text(im, 0, 1, std::string(1, c), 1, white);
    CHECK(lit(im) > 0);
    CHECK(text_width(std::string(1, c), 1) > 0);
    if (c != '|') seen.push_back(drawn(im));
  }
  std::sort(seen.begin(), seen.end());
  auto const twin = std::adjacent_find(seen.begin(), seen.end());
  CHECK_MESSAGE(twin == seen.end(), *twin);
}

TEST_CASE("text: width grows with the text and the scale, other scripts show as question marks") {
  CHECK(text_width("dog", 2) == 36);
  CHECK(text_width("", 3) == 0);
  CHECK(text_width("\xC3\xA9t\xC3\xA9", 1) == text_width("?t?", 1));
  CHECK(text_width("\n\t\xE7\x8C\xAB", 1) == text_width("???", 1));
  image a(40, 12), b(40, 12);
  draw_text(a, 0, 0, "\xE7\x8C\xAB\x01", 1, white);
  draw_text(b, 0, 0, "??", 1, white);
  CHECK(a.pixels == b.pixels);
}

TEST_CASE("text: is cut at the borders") {
  image im(9, 6);
  for (int x = -20; x < 20; ++x)
    for (int y = -15; y < 15; ++y) draw_text(im, x, y, "W@", 1, white);
  CHECK(lit(im) == 54);
  image none;
  draw_text(none, 0, 0, "W", 2, white);
  image outside(9, 6);
  draw_text(outside, 100, 0, "W", 2, white), draw_text(outside, 0, -40, "W", 2, white);
  CHECK(lit(outside) == 0);
}

TEST_CASE("text: a name that is too long loses its middle, between characters") {
  CHECK(shortened("chlorophyllaceous", 11) == "chlo...eous");
  CHECK(shortened("chlorophyllaceous", 17) == "chlorophyllaceous");
  CHECK(shortened("chlorophyllaceous", 16) == "chlorop...aceous");
  CHECK(shortened("chlorophyllaceous", 4) == "c...");
  CHECK(shortened("chlorophyllaceous", 3) == "...");
  CHECK(shortened("chlorophyllaceous", 0) == "...");
  CHECK(shortened("\xC3\xA9\xE2\x82\xAC\xC3\xA9\xE2\x82\xAC\xC3\xA9\xE2\x82\xAC", 5) == "\xC3\xA9...\xE2\x82\xAC");
  CHECK(shortened("", 3).empty());
}
