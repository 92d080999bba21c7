#include "frcnn/eval/voc_results.hpp"

#include "../io/scratch.hpp"
#include "fixture.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <random>

using namespace frcnn;
using namespace frcnn::eval;
namespace fs = std::filesystem;

namespace {

void put(fs::path const& path, std::string const& text) { io::write_file_atomically(path, text); }

std::vector<std::string> const ids{"000001", "2007_000002"}, names{"cat", "dog"};

// The sentence of the error that reading these lines of the class dog gives.
std::string complaint(std::string const& lines) {
  scratch folder;
  voc_results const where{folder.path, "test"};
  put(where.file("dog"), lines);
  try {
    read_voc_results(where, ids, names);
  } catch (error const& e) {
    std::string const text = e.what(), prefix = folder.path.string() + "/";
    REQUIRE(text.starts_with(prefix));
    return text.substr(prefix.size());
  }
  return "";
}

}  // namespace

TEST_CASE("voc_results: what stands in the files") {
  scratch folder;
  voc_results const where{folder.path / "a" / "results", "test"};
  std::vector<std::vector<detection>> const d{{{{9, 19, 50, 60}, 0.5f, 2}, {{0, 0, 1, 1}, 1, 2}}, {{{-0.25f, 1.5f, 3, 4}, 1e-7f, 2}}};
  write_voc_results(where, ids, d, names);
  CHECK(io::read_file(folder.path / "a/results/comp4_det_test_dog.txt") ==
        "000001 0.500000 10.000000 20.000000 50.000000 60.000000\n"
        "000001 1.000000 1.000000 1.000000 1.000000 1.000000\n"
        "2007_000002 0.0000001 0.750000 2.500000 3.000000 4.000000\n");
  CHECK(io::read_file(folder.path / "a/results/comp4_det_test_cat.txt").empty());
  CHECK(std::distance(fs::directory_iterator(folder.path / "a/results"), {}) == 2);

  auto const back = read_voc_results(where, ids, names);
  REQUIRE(back.size() == 2);
  REQUIRE(back[0].size() == 2);
  CHECK(back[0][0].where == d[0][0].where);
  CHECK(back[0][0].score == 0.5f);
  CHECK(back[0][0].label == 2);
  CHECK(back[0][1].where == d[0][1].where);
  CHECK(back[1][0].where == d[1][0].where);
}

TEST_CASE("voc_results: mAP survives the way to the disk and back") {
  golden const g = golden::read();
  std::vector<std::string> image_ids, class_names;
  for (std::size_t i = 0; i < g.detections.size(); ++i) image_ids.push_back("image" + std::to_string(i));
  for (int k = 0; k < g.classes; ++k) class_names.push_back("class " + std::to_string(k));
  // Scores and corners with more digits than a file holds.
  std::mt19937 random(5);
  auto detections = g.detections;
  for (auto& image : detections)
    for (detection& d : image)
      d.score *= 1 - 1e-3f * static_cast<float>(random() % 1000) / 1000, d.where.x1 += static_cast<float>(random() % 100) / 3000;

  scratch folder;
  voc_results const where{folder.path, "val", "comp4_salt"};
  write_voc_results(where, image_ids, detections, class_names);
  auto const back = read_voc_results(where, image_ids, class_names);
  for (ap_metric const metric : {ap_metric::area, ap_metric::voc07}) {
    double const before = evaluate_voc(detections, g.truths, g.classes, {metric}).mean,
                 after = evaluate_voc(back, g.truths, g.classes, {metric}).mean;
    CHECK(before > 0.1);
    CHECK(before == after);
  }
  for (std::size_t i = 0; i < detections.size(); ++i)  // by class, as they are read
    std::stable_sort(detections[i].begin(), detections[i].end(), [](detection const& a, detection const& b) { return a.label < b.label; });
  for (std::size_t i = 0; i < detections.size(); ++i) {
    REQUIRE(back[i].size() == detections[i].size());
    for (std::size_t k = 0; k < back[i].size(); ++k) {
      CHECK(back[i][k].score == detections[i][k].score);
      CHECK(back[i][k].where == detections[i][k].where);
    }
  }
}

TEST_CASE("voc_results: other programs' files: spaces, tabs, line ends, exponents, a missing class") {
  scratch folder;
  voc_results const where{folder.path, "test"};
  put(where.file("dog"), "000001\t.5  1 1 1e1 10.0 \r\n\r\n 2007_000002 -3 1 1 2 2");
  auto const found = read_voc_results(where, ids, names);
  REQUIRE(found[0].size() == 1);
  CHECK(found[0][0].where == box<float>{0, 0, 10, 10});
  CHECK(found[1][0].score == -3);

  std::vector<std::string> told;
  put(where.file("horse"), "");
  put(folder.path / "comp4_det_train_cow.txt", "");
  read_voc_results(where, ids, names, [&](std::string const& w) { told.push_back(w); });
  REQUIRE(told.size() == 1);
  CHECK(told[0] == where.file("horse").string() + " belongs to none of the classes and is not read");
}

TEST_CASE("voc_results: two images of one id are refused, a mark of the encoding is none of the id") {
  scratch folder;
  voc_results const where{folder.path, "test"};
  std::vector<std::string> const twice{"000001", "000001"};
  std::vector<std::vector<detection>> const nothing(2);
  CHECK_THROWS_WITH_AS(write_voc_results(where, twice, nothing, names),
                       (folder.path.string() + ": expected image ids that differ, found '000001' twice").c_str(), error);
  CHECK_FALSE(fs::exists(where.file("dog")));
  put(where.file("dog"),
      "\xEF\xBB\xBF"
      "000001 0.5 1 2 3 4\n");
  CHECK(read_voc_results(where, ids, names)[0].size() == 1);
}

TEST_CASE("voc_results: a line that is wrong is named by file and line") {
  std::string const good = "000001 0.5 1 1 10 10\n";
  CHECK(complaint(good) == "");
  CHECK(complaint(good + "000001 0.5 1 1 10\n") == "comp4_det_test_dog.txt:2: expected six words: id score x1 y1 x2 y2, found 5");
  CHECK(complaint(good + "000001 0.5 1 1 10 10 7 8\n") ==
        "comp4_det_test_dog.txt:2: expected six words: id score x1 y1 x2 y2, found 7 or more");
  CHECK(complaint(good + "\n000003 0.5 1 1 10 10\n") == "comp4_det_test_dog.txt:3: expected the id of an image of the set, found '000003'");
  CHECK(complaint("000001 0.5 1 1 10 1x\n") == "comp4_det_test_dog.txt:1: expected a number, found '1x'");
  for (std::string const bad : {"nan", "inf", "1e300", "", "one", "0,5"})
    CHECK(complaint("000001 " + bad + " 1 1 10 10\n").starts_with("comp4_det_test_dog.txt:1: expected "));
}

TEST_CASE("voc_results: any id and any class reads back") {
  std::vector<std::string> const odd_ids{"shot (1)", "shot%20(1)", "day1/a", "../x", "a\tb", "100%", "caf\xC3\xA9", "\xFF", " ", "%"};
  std::vector<std::string> const odd_names{"n/a",       "n%2Fa", "../up", std::string(260, 'x'), std::string(259, 'x') + "/", "tv monitor",
                                           "line\nend", "\xFF",  "."};
  std::vector<std::vector<detection>> found(odd_ids.size());
  for (std::size_t i = 0; i < odd_ids.size(); ++i)
    for (std::size_t k = 0; k < odd_names.size(); ++k)
      found[i].push_back({{0, 0, static_cast<float>(i + 1), static_cast<float>(k + 1)}, 0.5f, static_cast<std::int32_t>(k + 1)});
  scratch folder;
  voc_results const where{folder.path / "inside", "test"};
  write_voc_results(where, odd_ids, found, odd_names);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);  // nothing beside the folder
  CHECK(std::distance(fs::directory_iterator(where.folder), {}) == static_cast<std::ptrdiff_t>(odd_names.size()));
  CHECK(io::read_file(where.folder / "comp4_det_test_n%2Fa.txt").starts_with("shot%20(1) 0.500000 1.0"));
  std::vector<std::string> told;
  auto const back = read_voc_results(where, odd_ids, odd_names, [&](std::string const& w) { told.push_back(w); });
  CHECK(told.empty());
  for (std::size_t i = 0; i < odd_ids.size(); ++i) {
    REQUIRE(back[i].size() == odd_names.size());
    for (std::size_t k = 0; k < odd_names.size(); ++k) {
      CHECK(back[i][k].where == found[i][k].where);
      CHECK(back[i][k].label == found[i][k].label);
    }
  }
  CHECK(where.takes("tv monitor"));
  CHECK(!where.takes("n/a"));
  CHECK(classes_without_file(where, odd_names).empty());
}

TEST_CASE("voc_results: names as other programs leave them") {
  scratch folder;
  voc_results const where{folder.path, "test"};
  put(folder.path / "comp4_det_test_a%20b.txt", "x%20y .5 1 1 2 2\n");
  std::vector<std::string> const own{"a%20b"}, id{"x%20y"};
  std::vector<std::string> told;
  CHECK(read_voc_results(where, id, own, [&](std::string const& w) { told.push_back(w); })[0].size() == 1);
  CHECK(told.empty());
  CHECK(classes_without_file(where, std::vector<std::string>{"cat", "a%20b", "dog"}) == std::vector<std::int32_t>{1, 3});
}

TEST_CASE("voc_results: corners that are swapped are refused, boxes that match nothing are warned of") {
  std::string const first = "comp4_det_test_dog.txt:2: expected id score x1 y1 x2 y2 with x1 <= x2 and y1 <= y2, found '";
  std::string const hint = "' (width and height in place of x2 and y2?)";
  CHECK(complaint("000001 .5 1 1 2 2\n000001 .5 30 10 5 20\n") == first + "30 10 5 20" + hint);
  CHECK(complaint("000001 .5 1 1 2 2\n000001 .5 10 30 20 5\n") == first + "10 30 20 5" + hint);
  CHECK(complaint("000001 .5 1 1 2 2\n000001 10 20 50 60 0.9\n") == first + "20 50 60 0.9" + hint);  // the score last
  CHECK(complaint("000001 .5 5 5 5 5\n000001 .5 5.75 5.75 5.25 5.25\n").empty());                    // one pixel wide, half of one

  scratch folder;
  voc_results const where{folder.path, "test"};
  std::vector<std::string> told;
  auto const read = [&](std::string const& lines) {
    put(where.file("dog"), lines);
    told.clear();
    read_voc_results(where, ids, names, [&](std::string const& w) { told.push_back(w); });
    return told.empty() ? "" : told[0].substr(0, told[0].find(folder.path.string()));
  };
  CHECK(read("000001 .5 5 5 5 5\n").empty());
  CHECK(read("000001 .5 5 5 9 9\n000001 .5 5 5 4 9\n000001 .5 5 5 9 4\n") == "2 boxes have no area and can match nothing; the first: ");
  CHECK(told[0].ends_with("comp4_det_test_dog.txt:2"));
  CHECK(read("000001 .5 .1 .2 .3 .4\n000001 .5 0 0 1 1\n") ==
        "all 2 boxes lie in 0..1, as fractions of their images do, where pixels are meant; the first: ");
  CHECK(read("000001 .5 .1 .2 .3 .4\n000001 .5 1 1 2 2\n").empty());
  std::string const two = "000001 .5 5 5 9 9\n000001 .4 5 5 9 9\n";
  CHECK(read(two).empty());
  CHECK(read(two + two) == "2 lines repeat an earlier one, each a detection of its own; the first: ");
  CHECK(told[0].ends_with("comp4_det_test_dog.txt:3"));
}

TEST_CASE("voc_results: no file at all, and what is refused") {
  scratch folder;
  voc_results const where{folder.path / "none", "test"};
  CHECK_THROWS_WITH_AS(read_voc_results(where, ids, names),
                       (where.folder.string() + ": expected result files comp4_det_test_<class>.txt, found no folder there").c_str(),
                       error);
  put(folder.path / "comp4_det_val_cat.txt", "");
  CHECK_THROWS_WITH_AS(read_voc_results({folder.path, "test"}, ids, names),
                       (folder.path.string() + ": expected result files comp4_det_test_<class>.txt, found none of a known class, but "
                                               "'comp4_det_val_cat.txt'")
                           .c_str(),
                       error);
  CHECK_THROWS_WITH_AS(read_voc_results({folder.path / "comp4_det_val_cat.txt", "val"}, ids, names),
                       (folder.path.string() + "/comp4_det_val_cat.txt: expected result files comp4_det_val_<class>.txt, found a file, no "
                                               "folder")
                           .c_str(),
                       error);
  std::vector<std::vector<detection>> const none(2);
  CHECK_THROWS_AS(write_voc_results(where, std::vector<std::string>{"", "c"}, none, names), error);
  CHECK_THROWS_AS(write_voc_results(where, ids, none, std::vector<std::string>{""}), error);
  CHECK_THROWS_AS(write_voc_results({folder.path, ""}, ids, none, names), error);
  CHECK_THROWS_AS(write_voc_results(where, ids, std::vector<std::vector<detection>>(1), names), error);
  CHECK_THROWS_AS(write_voc_results(where, ids, std::vector<std::vector<detection>>{{{{0, 0, 1, 1}, 1, 3}}, {}}, names), error);
  CHECK_THROWS_AS(write_voc_results(where, ids, std::vector<std::vector<detection>>{{{{0, 0, 1, INFINITY}, 1, 1}}, {}}, names), error);
  CHECK_THROWS_AS(write_voc_results(where, ids, std::vector<std::vector<detection>>{{{{3, 0, 1, 1}, 1, 1}}, {}}, names), error);
  CHECK_THROWS_AS(read_voc_results(where, std::vector<std::string>{"a", "a"}, names), error);
  CHECK(!fs::exists(where.folder));
  put(folder.path / "file", "");
  CHECK_THROWS_AS(write_voc_results({folder.path / "file", "test"}, ids, none, names), error);
}
