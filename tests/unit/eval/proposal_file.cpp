#include "frcnn/eval/proposal_file.hpp"

#include "../io/scratch.hpp"
#include "../sentence.hpp"
#include "frcnn/eval/proposal_size.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace frcnn;
using namespace frcnn::eval;
using words = proposal_writer::words;

namespace {

std::vector<listed_image> const images{{"000001", 100, 60}, {"shot (1)", 50, 40}};

struct reading {
  proposal_lists lists;
  std::vector<std::string> warnings;
  std::string refusal;  // without the folder
};

reading read(std::string const& text, std::vector<listed_image> const& of = images, std::vector<std::string> const& elsewhere = {}) {
  scratch folder;
  auto const path = folder.path / "p.txt";
  io::write_file_atomically(path, text);
  reading r;
  auto const tail = [&](std::string s) {
    for (auto at = s.find(folder.path.string() + "/"); at != s.npos; at = s.find(folder.path.string() + "/"))
      s.erase(at, folder.path.string().size() + 1);
    return s;
  };
  r.refusal = tail(sentence([&] {
    r.lists = read_proposals(
        path, of, [&](std::string const& s) { r.warnings.push_back(tail(s)); }, elsewhere);
  }));
  return r;
}
std::string refusal(std::string const& text) { return read(text).refusal; }

std::string const second = "shot%20(1)\n";

}  // namespace

TEST_CASE("proposal_file: what stands in a file, in each of its forms") {
  scratch folder;
  auto const path = folder.path / "p.txt";
  std::vector<region> const regions{{{9, 19, 50, 60}, .5f}, {{0, 0, 1, 1}, .25f}};
  std::vector<anchor_shape> const anchors{{128, .5}, {40.5, 1}};
  auto const written = [&](words what) {
    proposal_writer file(path, what);
    file.add("000001", regions, anchors);
    file.add("shot (1)", {});
    CHECK(!std::filesystem::exists(path));  // whole or not there
    file.commit();
    auto text = io::read_file(path);
    std::filesystem::remove(path);
    return text;
  };
  CHECK(written(words::box) == "000001 10.000000 20.000000 50.000000 60.000000\n000001 1.000000 1.000000 1.000000 1.000000\nshot%20(1)\n");
  CHECK(written(words::score) ==
        "000001 10.000000 20.000000 50.000000 60.000000 0.500000\n000001 1.000000 1.000000 1.000000 1.000000 0.250000\nshot%20(1)\n");
  CHECK(written(words::anchor) ==
        "000001 10.000000 20.000000 50.000000 60.000000 0.500000 128:0.5\n"
        "000001 1.000000 1.000000 1.000000 1.000000 0.250000 40.5:1\nshot%20(1)\n");
}

TEST_CASE("proposal_file: what is written reads back with the same numbers, in the same order") {
  scratch folder;
  auto const path = folder.path / "p.txt";
  std::mt19937 random(3);
  auto const unit = [&] { return static_cast<float>(random() % 100'003) / 100'003; };
  std::vector<std::vector<region>> all(2);
  std::vector<std::vector<anchor_shape>> anchors(2);
  for (std::size_t i = 0; i < 2; ++i)
    for (int k = 0; k < 200; ++k) {
      float const w = static_cast<float>(images[i].width), h = static_cast<float>(images[i].height), x = unit() * w * .9f,
                  y = unit() * h * .9f;
      all[i].push_back({{x, y, x + (w - x) * (unit() + .01f) / 1.02f, y + (h - y) * (unit() + .01f) / 1.02f}, unit() > .5f ? .5f : unit()});
      anchors[i].push_back({static_cast<double>(24 << random() % 3), k % 2 ? .5 : 1. / 3});
    }
  for (auto& list : all) best_regions(list, 200);
  {
    proposal_writer file(path, words::anchor);
    for (std::size_t i = 0; i < 2; ++i) file.add(images[i].id, all[i], anchors[i]);
    file.commit();
  }
  auto const back = read_proposals(path, images);
  CHECK(back.scored);
  CHECK(back.most_of(1) == 1);
  CHECK(back.anchors.size() == 6);
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(back.regions[i].size() == 200);
    for (std::size_t k = 0; k < 200; ++k) {
      CHECK(back.regions[i][k].where == all[i][k].where);
      CHECK(back.regions[i][k].score == all[i][k].score);
      CHECK(back.anchors[back.anchor[i][k]] == anchors[i][k]);
    }
  }
  auto cut = back;
  cut.keep_best(7);
  CHECK(cut.regions[1].size() == 7);
  CHECK(cut.anchor[1].size() == 7);
  CHECK(cut.boxes()[1][6] == all[1][6].where);
  auto const source = proposal_lists::source(std::make_shared<proposal_lists>(back));
  CHECK(source(1, true).size() == 200);  // the loader mirrors
  CHECK(!proposal_lists::source(nullptr));
}

TEST_CASE("proposal_file: other programs' files: order of lines, blanks, ends of lines, images in any order") {
  auto const r = read("\xEF\xBB\xBFshot%20(1)  1 1 10 10\r\n\n\t000001 5 5 9 9\r\nshot%20(1) 2 2 10 10\n000001 1 1 60 60");
  CHECK(r.refusal == "nothing");
  CHECK(r.warnings.empty());
  CHECK(!r.lists.scored);
  CHECK(r.lists.most_of(1) == static_cast<int>(std::max(r.lists.regions[0].size(), r.lists.regions[1].size())));  // all: none is better
  CHECK(r.lists.boxes() == std::vector<std::vector<box<float>>>{{{4, 4, 9, 9}, {0, 0, 60, 60}}, {{0, 0, 10, 10}, {1, 1, 10, 10}}});
  // By score, equal ones by line; ids as other programs write them.
  auto const s = read("a 1 1 2 2 .5\na 1 1 3 3 .75\na 1 1 4 4 .5\na 1 1 5 5 1e-30\na 1 1 6 6 -2\n", {{"a", 9, 9}});
  CHECK(s.lists.boxes()[0] == std::vector<box<float>>{{0, 0, 3, 3}, {0, 0, 2, 2}, {0, 0, 4, 4}, {0, 0, 5, 5}, {0, 0, 6, 6}});
  CHECK(read("n%2Fa 1 1 2 2\n", {{"n%2Fa", 9, 9}}).refusal == "nothing");
}

TEST_CASE("proposal_file: lines that are none are refused with file and line") {
  std::string const good = "000001 1 1 9 9 .5\n";
  CHECK(refusal(good + "000001 1 1 9\n").starts_with("p.txt:2: expected image_id x1 y1 x2 y2 [score [size:ratio]], or image_id alone"));
  CHECK(refusal(good + "000001 1 1 9\n").ends_with("found 4 words"));
  CHECK(refusal(good + "000001 1 1 9 9 .5 8:1 7 6\n").ends_with("found 8 words or more"));
  CHECK(refusal(good + "000001 1 1 9 9\n") == "p.txt:2: expected 6 words, as on the lines before, found 5 words");
  for (char const* number : {"x", "nan", "inf", "-inf", "1e400", "1e39", "1,5", "0x10"}) {
    CHECK(refusal("000001 1 1 9 " + std::string(number) + " .5\n") == "p.txt:1: expected a number, found '" + std::string(number) + "'");
    CHECK(refusal("000001 1 1 9 9 " + std::string(number) + "\n") == "p.txt:1: expected a number, found '" + std::string(number) + "'");
  }
  CHECK(refusal("000001 50 40 20 30 .5\n") ==
        "p.txt:1: expected x1 y1 x2 y2 with x1 <= x2 and y1 <= y2, found '50 40 20 30' (width and height in place of x2 and y2?)");
  CHECK(refusal("000001 5 5 4 9 .5\n").starts_with("p.txt:1: expected a box of finite corners with x1 < x2 and y1 < y2"));  // no area
  for (char const* beside : {"101 1 110 9", "1 61 9 70", "-9 1 0 9", "1 -9 9 0"})
    CHECK(
        refusal("000001 " + std::string(beside) + " .5\n").starts_with("p.txt:1: expected a box that meets its image of 100 x 60 pixels"));
  for (char const* anchor : {"8", "8:0", "-8:1", ":", "8:1:1", "nan:1"})
    CHECK(refusal("000001 1 1 9 9 .5 " + std::string(anchor) + "\n").starts_with("p.txt:1: expected a"));
  CHECK(refusal("") == "p.txt: expected proposals, lines image_id x1 y1 x2 y2 [score], found a file without lines");
  CHECK(refusal("\n \r\n").ends_with("a file without lines"));
  CHECK(refusal("000001 0.1 0.1 0.9 0.9\n000001 0.2 0.2 0.5 0.5\n" + second) ==
        "p.txt: expected coordinates in pixels of the image, found all 2 boxes in 0..1, as fractions of it are");
  CHECK(refusal(second + good + "000001\n") ==
        "p.txt:3: expected an id alone only where nothing is proposed, found image '000001', of which line 2 has a box");
  CHECK(read(good, {{"000001", 9, 9}, {"000001", 9, 9}}).refusal == "p.txt: expected image ids that differ, found '000001' twice");
}

TEST_CASE("proposal_file: images without a line are named; lines of other images are said") {
  CHECK(refusal("000001 1 1 9 9\n") == "p.txt: expected proposals of each of 2 images, found none of 1: 'shot (1)'");
  CHECK(refusal("b 1 1 9 9\n" + second) ==
        "p.txt: expected proposals of each of 2 images, found none of 1: '000001' (but of other images, the first: 'b')");
  std::vector<listed_image> many;
  for (int i = 0; i < 13; ++i) many.push_back({"i" + std::to_string(i), 9, 9});
  CHECK(read("i3 1 1 2 2\n", many).refusal ==
        "p.txt: expected proposals of each of 13 images, found none of 12: 'i0', 'i1', 'i2', 'i4', 'i5', 'i6', 'i7', 'i8', 'i9', 'i10' and "
        "2 more");
  std::string const text = "000001 1 1 9 9\nelse 1 1 2 2\nother 1 1 2 2\n" + second;
  auto const r = read(text);
  CHECK(r.refusal == "nothing");
  CHECK(r.warnings ==
        std::vector<std::string>{"2 lines are of images that are not among these, and are not used; the first: p.txt:2, 'else'"});
  CHECK(read(text, images, {"else"}).warnings ==
        std::vector<std::string>{"1 line is of an image that is not among these, and is not used; the first: p.txt:3, 'other'"});
  CHECK(read(text, images, {"else", "other"}).warnings.empty());
}

TEST_CASE("proposal_file: boxes beyond their image are clipped; what is there twice is said") {
  auto const r = read("000001 -1 0 103 61.5\n000001 1 1 101 60\n" + second);
  CHECK(r.lists.boxes()[0] == std::vector<box<float>>{{0, 0, 100, 60}, {0, 0, 100, 60}});
  CHECK(r.warnings.size() == 2);
  CHECK(r.warnings[0] == "1 box goes beyond its image and is clipped; the first: p.txt:1");  // a pixel is how one counts
  CHECK(r.warnings[1] == "1 line is there before, with the same box and score; the first: p.txt:2, as line 1");
  auto const s = read("000001 1 1 9 9 .5\n000001 1 1 9 9 .25\n" + second + "000001 1 1 9 9 .5\n");
  CHECK(s.warnings == std::vector<std::string>{"1 line is there before, with the same box and score; the first: p.txt:4, as line 1"});
  CHECK(s.lists.regions[0].size() == 3);
}

TEST_CASE("proposal_file: boxes that begin at 0 are said where they are more than those that begin at 1") {
  std::string const zeros = "000001 0 5 50 60\n000001 7 0 60 60\n";
  CHECK(read(zeros + "000001 1 4 9 9\n" + second).warnings ==
        std::vector<std::string>{"2 boxes begin at 0 where these files count from 1: if this one counts from 0, its boxes are read a pixel "
                                 "off; the first: p.txt:1"});
  CHECK(read(zeros + "000001 1 4 9 9\n000001 4 1 9 9\n" + second).warnings.empty());
}

TEST_CASE("proposal_file: what cannot be written is refused by name") {
  scratch folder;
  auto const path = folder.path / "p.txt";
  proposal_writer file(path, words::anchor);
  float const nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<anchor_shape> const one{{8, 1}};
  auto const said = [&](std::string const& id, region const& r) { return sentence([&] { file.add(id, {&r, 1}, one); }); };
  CHECK(said("a", {{0, 0, nan, 1}, 0}).ends_with("image a: expected finite numbers, found NaN or infinity"));
  CHECK(said("a", {{0, 0, 1, 1}, nan}).ends_with("image a: expected finite numbers, found NaN or infinity"));
  CHECK(said("a", {{0, 0, 0, 1}, 0}).ends_with("image a: expected x1 < x2 and y1 < y2, found (0, 0, 0, 1)"));
  CHECK(said("", {{0, 0, 1, 1}, 0}).ends_with("image without id: expected an id, found none"));
  region const good{{0, 0, 1, 1}, 0};
  CHECK(sentence([&] { file.add("a", {&good, 1}); }).ends_with("expected an anchor for each region, found another number of them"));
  CHECK(sentence([] { require_distinct_ids("out", std::vector<listed_image>{{"a b", 1, 1}, {"a%20b", 1, 1}}); }) == "nothing");
  CHECK(sentence([] {
          require_distinct_ids("out", std::vector<listed_image>{{"a", 1, 1}, {"b", 1, 1}, {"a", 2, 2}});
        }) == "out: expected image ids that differ, found 'a' twice");
}

TEST_CASE("proposal_size: mean width and height of each anchor's, in pixels of the resized image") {
  auto const r = read("000001 1 1 10 20 .5 32:1\n000001 1 1 30 20 .25 32:1\nshot%20(1) 1 1 8 4 .25 16:0.5\nshot%20(1) 3 1 10 6 .25 32:1\n");
  REQUIRE(r.refusal == "nothing");
  auto const means = mean_sizes(r.lists, std::vector<double>{2, 5});
  REQUIRE(means.size() == 2);
  CHECK(means[0].anchor == anchor_shape{16, .5});
  CHECK(means[0].width == 40);
  CHECK(means[0].height == 20);
  CHECK(means[1].proposals == 3);
  CHECK(means[1].width == doctest::Approx((20 + 60 + 40) / 3.));
  CHECK(means[1].height == doctest::Approx((40 + 40 + 30) / 3.));
  CHECK(size_report(means) == "anchor 16:0.5 proposes 40 x 20 (25.0 % of 4)\nanchor 32:1 proposes 40 x 37 (75.0 % of 4)\n");
  CHECK(mean_sizes(read("000001 1 1 9 9\n" + second).lists, std::vector<double>{1, 1}).empty());
  CHECK_THROWS_WITH_AS(mean_sizes(r.lists, std::vector<double>{1}), "mean_sizes: expected a scale for each of 2 images, found 1", error);
}
