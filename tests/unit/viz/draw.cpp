#include "frcnn/viz/draw.hpp"

#include "frcnn/core/rng.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace frcnn;
using namespace frcnn::viz;

namespace {

struct truth_like {  // what draw_truth asks of an object
  box<double> where;
  int label;
  bool difficult;
};

image grey(int w, int h) {
  image im(w, h);
  std::fill(im.pixels.begin(), im.pixels.end(), std::uint8_t{128});
  return im;
}
rgb at(image const& im, int x, int y) { return {im.at(x, y)[0], im.at(x, y)[1], im.at(x, y)[2]}; }
int changed(image const& im) {
  int n = 0;
  for (int y = 0; y < im.height; ++y)
    for (int x = 0; x < im.width; ++x) n += !(at(im, x, y) == rgb{128, 128, 128});
  return n;
}
std::vector<std::string> const names{"cat", "dog"};
draw_options const bare{.line_width = 2, .labels = false};

}  // namespace

TEST_CASE("draw: lines run along the inside of the half-open box") {
  image im = grey(40, 30);
  detection const d[] = {{{5, 6, 25, 20}, .9f, 2}};
  draw_detections(im, d, names, bare);
  rgb const dog = class_colour(2);
  for (auto [x, y] : {std::pair{5, 6}, {24, 6}, {5, 19}, {24, 19}, {6, 7}, {23, 18}, {14, 7}}) CHECK(at(im, x, y) == dog);
  for (auto [x, y] : {std::pair{4, 6}, {5, 5}, {25, 19}, {24, 20}, {7, 8}, {22, 17}}) CHECK(at(im, x, y) == rgb{128, 128, 128});
  CHECK(changed(im) == 20 * 14 - 16 * 10);
}

TEST_CASE("draw: what lies beyond the border is cut off, what does not meet the image is not drawn") {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  image im = grey(40, 30);
  for (box<float> const b : {box<float>{-9, 3, 0, 9},
                             {40, 3, 50, 9},
                             {3, 30, 9, 40},
                             {3, -9, 9, 0},
                             {9, 9, 5, 20},
                             {9, 9, 9, 20},
                             {nan, 0, 9, 9},
                             {0, 0, 9, nan}}) {
    detection const d[] = {{b, .9f, 1}};
    draw_detections(im, d, names);
  }
  CHECK(changed(im) == 0);
  for (box<float> const b : {box<float>{-1e30f, -inf, 1e30f, inf}, {-5, -5, 45, 35}}) {
    image all = grey(40, 30);
    detection const d[] = {{b, .9f, 1}};
    draw_detections(all, d, names, bare);
    CHECK(changed(all) == 40 * 30 - 36 * 26);
    CHECK(at(all, 39, 29) == class_colour(1));
  }
}

TEST_CASE("draw: a box thinner than a pixel still shows") {
  image im = grey(40, 30);
  detection const d[] = {{{10.1f, 5, 10.2f, 15}, .9f, 1}, {{39.9f, 29.9f, 40, 30}, .9f, 1}};
  draw_detections(im, d, names, bare);
  CHECK(changed(im) == 11);
  CHECK(at(im, 10, 5) == class_colour(1));
  CHECK(at(im, 39, 29) == class_colour(1));
}

TEST_CASE("draw: the tag stands above its box, in its colour, with readable text") {
  image im = grey(200, 150);
  detection const d[] = {{{20, 60, 120, 120}, .875f, 1}};
  draw_detections(im, d, names);
  rgb const cat = class_colour(1), front = text_colour(cat);
  CHECK(at(im, 20, 59) == cat);
  CHECK(at(im, 20, 60 - 24) == cat);
  CHECK(at(im, 20, 60 - 25) == rgb{128, 128, 128});
  image expected(200, 24);
  fill(expected, 0, 0, text_width("cat 0.88", 2) + 6, 24, cat);
  draw_text(expected, 4, 4, "cat 0.88", 2, front);
  bool equal = true;
  for (int y = 0; y < 24; ++y)
    for (int x = 0; x < text_width("cat 0.88", 2) + 6; ++x) equal = equal && at(expected, x, y) == at(im, 20 + x, 36 + y);
  CHECK(equal);

  image plain = grey(200, 150);
  draw_detections(plain, d, names, {.scores = false});
  CHECK(at(plain, 20 + text_width("cat", 2) + 5, 50) == cat);
  CHECK(at(plain, 20 + text_width("cat", 2) + 6, 50) == rgb{128, 128, 128});
}

TEST_CASE("draw: tags hide no boxes that are smaller than they are, where there is room") {
  image im = grey(200, 150);
  std::vector<detection> d;  // a column of boxes of 10 x 10 pixels, 4 apart
  for (int k = 0; k < 6; ++k) d.push_back({{100, 20.f + 14 * k, 110, 30.f + 14 * k}, .9f - .1f * k, 1 + k % 2});
  draw_detections(im, d, names);
  for (auto const& one : d) {
    CAPTURE(one.score);
    int const x = static_cast<int>(one.where.x1), y = static_cast<int>(one.where.y1);
    CHECK(at(im, x, y) == class_colour(one.label));
    CHECK(at(im, x + 9, y + 9) == class_colour(one.label));
    CHECK(at(im, x + 5, y + 5) == rgb{128, 128, 128});
  }
  // Small writing, for they are lower than a tag: the first stands above its box.
  CHECK(at(im, 100, 20 - 12) == class_colour(1));
  CHECK(at(im, 100, 20 - 13) == rgb{128, 128, 128});
  image large = grey(200, 150);
  draw_detections(large, d, names, {.text_scale = 2});
  CHECK(at(large, 100, 20 - 13) == rgb{128, 128, 128});  // elsewhere: there is no room above for 24 rows
}

TEST_CASE("draw: tags move into the image and out of each other's way; the surest is on top") {
  image im = grey(200, 150);
  // The first touches the top border: its tag goes inside. The second is less sure and lies under the first: its tag goes elsewhere.
  detection const d[] = {{{150, 0, 200, 100}, .9f, 1}, {{150, 0, 200, 100}, .8f, 2}};
  draw_detections(im, d, names);
  CHECK(at(im, 199, 12) == class_colour(1));
  CHECK(at(im, 199, 112) == class_colour(2));
  CHECK(at(im, 199, 50) == class_colour(1));

  // However many, an image of any size takes them.
  for (auto [w, h] : {std::pair{1, 1}, {3, 200}, {200, 3}, {64, 64}}) {
    image small = grey(w, h);
    std::vector<detection> many;
    host_rng random(3, draw::test);
    for (int i = 0; i < 50; ++i) {
      float const x = static_cast<float>(random.uniform(-50, 150)), y = static_cast<float>(random.uniform(-50, 150));
      many.push_back({{x, y, x + 30, y + 40}, i % 7 ? static_cast<float>(random.unit()) : std::numeric_limits<float>::quiet_NaN(), i - 3});
    }
    image again = small;
    draw_detections(small, many, names);
    draw_detections(again, many, names);
    CHECK(changed(small) > 0);
    CHECK(small.pixels == again.pixels);
  }
  image none;
  CHECK_THROWS_AS(draw_detections(none, d, names), error);
  CHECK_THROWS_AS(draw_truth(none, std::vector<truth_like>{{{0, 0, 9, 9}, 1, false}}, names), error);
}

TEST_CASE("draw: truth is dashed over what contrasts, dotted where difficult, and has corners") {
  auto const of = [](image const& im, rgb colour) {
    int n = 0;
    for (int x = 10; x < 90; ++x) n += at(im, x, 20) == colour;
    return n;
  };
  image easy = grey(120, 100), hard = grey(120, 100);
  draw_truth(easy, std::vector<truth_like>{{{10, 20, 90, 70}, 2, false}}, names, bare);
  draw_truth(hard, std::vector<truth_like>{{{10, 20, 90, 70}, 2, true}}, names, bare);
  rgb const dog = class_colour(2), gap = text_colour(dog);
  CHECK(of(easy, dog) + of(easy, gap) == 80);
  CHECK(of(easy, dog) > of(easy, gap));
  CHECK(of(hard, dog) + of(hard, gap) == 80);
  CHECK(of(hard, dog) < of(hard, gap));
  for (auto [x, y] : {std::pair{10, 20}, {89, 20}, {10, 69}, {89, 69}}) CHECK(at(easy, x, y) == dog);
  CHECK(changed(easy) == 80 * 50 - 76 * 46);

  image tagged = grey(120, 100);
  draw_truth(tagged, std::vector<truth_like>{{{10, 20, 90, 70}, 2, false}}, names, {.labels = true});
  CHECK(at(tagged, 10, 71) == gap);
  CHECK(changed(tagged) > changed(easy));
}

TEST_CASE("draw: classes have colours of their own, and text that contrasts") {
  for (int a = 1; a <= 20; ++a)
    for (int b = a + 1; b <= 20; ++b) {
      rgb const p = class_colour(a), q = class_colour(b);
      int const apart = std::abs(p.r - q.r) + std::abs(p.g - q.g) + std::abs(p.b - q.b);
      CAPTURE(a);
      CAPTURE(b);
      CHECK(apart >= 70);
    }
  CHECK(class_colour(1) == class_colour(1));
  for (int label = -2; label < 200; ++label) class_colour(label);
  CHECK(text_colour({255, 255, 0}) == rgb{0, 0, 0});
  CHECK(text_colour({0, 0, 200}) == rgb{255, 255, 255});
}

TEST_CASE("draw: lines and text grow with the image; a label without a name is a number") {
  auto const line_of = [](int w, int h) {
    image im = grey(w, h);
    detection const d[] = {{{0, 0, static_cast<float>(w), static_cast<float>(h)}, .9f, 1}};
    draw_detections(im, d, names, {.labels = false});
    int n = 0;
    while (n < w && at(im, n, h / 2) == class_colour(1)) ++n;
    return n;
  };
  CHECK(line_of(100, 80) == 1);
  CHECK(line_of(640, 480) == 2);
  CHECK(line_of(2000, 1200) == 5);
  image a = grey(300, 100), b = grey(300, 100);
  detection const d[] = {{{0, 50, 300, 100}, .9f, 7}};
  draw_detections(a, d, names);
  draw_detections(b, d, std::vector<std::string>{"", "", "", "", "", "", "class 7"});
  CHECK(a.pixels == b.pixels);
}

TEST_CASE("draw: a tag wider than the image loses the middle of the name, never the score") {
  image a = grey(120, 100), b = grey(120, 100);
  detection const d[] = {{{0, 50, 120, 100}, .87f, 1}};
  draw_detections(a, d, std::vector<std::string>{std::string(300, 'o')});
  draw_detections(b, d, std::vector<std::string>{"oo...o"});
  CHECK(a.pixels == b.pixels);
}

TEST_CASE("draw: only on RGB of 8 bits") {
  detection const d[] = {{{0, 0, 10, 10}, .9f, 1}};
  for (image im : {image(20, 20, 1), image(20, 20, 3, 16), image(20, 20, 5)}) {
    CHECK_THROWS_AS(draw_detections(im, d, names), error);
    CHECK(std::ranges::all_of(im.pixels, [](auto v) { return v == 0; }));
  }
}
