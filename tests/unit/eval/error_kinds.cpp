#include "frcnn/eval/error_kinds.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace frcnn;
using namespace frcnn::eval;

namespace {

struct error_set {
  int classes = 0;
  std::vector<std::vector<truth_box>> truths;
  std::vector<std::vector<detection>> found;
  double ap = 0;
  std::vector<double> count, cost, special;
};

std::map<std::string, error_set> golden_sets() {
  std::map<std::string, error_set> sets;
  error_set* s = nullptr;
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../golden/error_kinds.txt");
  for (std::string line, what; std::getline(in, line);) {
    std::istringstream fields(line);
    fields >> what;
    if (what == "set") {
      std::size_t images = 0;
      fields >> what;
      s = &sets[what];
      fields >> images >> s->classes;
      s->truths.resize(images), s->found.resize(images);
      continue;
    }
    std::vector<double> v;
    for (double x; fields >> x;) v.push_back(x);
    auto const where = [&] { return box<double>{v.at(3), v.at(4), v.at(5), v.at(6)}.as<float>(); };
    auto const image = static_cast<std::size_t>(v.at(0));
    if (what == "truth") s->truths.at(image).push_back({where(), static_cast<int>(v.at(1)), v.at(2) != 0});
    else if (what == "detection") s->found.at(image).push_back({where(), static_cast<float>(v.at(2)), static_cast<int>(v.at(1))});
    else if (what == "ap") s->ap = v.at(0);
    else (what == "count" ? s->count : what == "cost" ? s->cost : s->special) = v;
  }
  REQUIRE(sets.size() == 13);
  return sets;
}

constexpr box<float> here{0, 0, 10, 10};
using lists = std::vector<std::vector<detection>>;
using truth_lists = std::vector<std::vector<truth_box>>;

}  // namespace

TEST_CASE("error_kinds: kinds, AP and costs are tidecv's") {
  for (auto const& entry : golden_sets()) {
    auto const& set = entry.second;
    CAPTURE(entry.first);
    auto const s = study_errors(set.found, set.truths, set.classes);
    CHECK(std::abs(s.ap - set.ap) <= 1e-12);
    for (std::size_t k = 0; k < error_kind_names.size(); ++k) {
      CAPTURE(error_kind_names[k]);
      CHECK(static_cast<double>(s.count[k]) == set.count.at(k));
      CHECK(std::abs(s.cost[k] - set.cost.at(k)) <= 1e-12);
    }
    CHECK(std::abs(s.false_positives - set.special.at(0)) <= 1e-12);
    CHECK(std::abs(s.false_negatives - set.special.at(1)) <= 1e-12);
  }
}

TEST_CASE("error_kinds: each error says which detection and which object it means") {
  box<float> const far{200, 0, 210, 10};
  truth_lists const truths{{{far, 1}, {here, 1}, {{100, 0, 110, 10}, 2}}};
  lists const found{{{{0, 0, 10, 4}, .5f, 1},       // badly placed, and its object is taken
                     {here, .9f, 1},                // right
                     {{100, 0, 110, 10}, .8f, 1},   // another class
                     {{100, 0, 110, 3}, .7f, 1},    // another class and badly placed
                     {{0, 0, 10, 9}, .6f, 1},       // again
                     {{50, 50, 60, 60}, .4f, 2}}};  // nothing there
  using enum error_kind;
  auto const s = study_errors(found, truths, 2);
  CHECK(s.of_image.at(0) ==
        std::vector<detection_error>{
            {classification, 2, 2}, {both, 3, -1}, {duplicate, 4, 1}, {localisation, 0, 1}, {background, 5, -1}, {missed, -1, 0}});
}

TEST_CASE("error_kinds: what lies in a difficult object is ignored, once and again; a difficult object is never missed") {
  truth_lists const truths{{{here, 1, true}, {{100, 0, 110, 10}, 1}}};
  detection const right{{100, 0, 110, 10}, .5f, 1};
  auto const s = study_errors(lists{{{here, .9f, 1}, {here, .8f, 1}, right}}, truths, 1);
  CHECK(s.of_image.at(0).empty());
  CHECK(s.ap == 1);
  // Of another class it is an error.
  CHECK(study_errors(lists{{{here, .9f, 2}, right}}, truths, 2).of_image.at(0) ==
        std::vector<detection_error>{{error_kind::background, 0, -1}});
}

TEST_CASE("error_kinds: nothing to find and nothing found") {
  auto const nothing = study_errors(lists(2), truth_lists(2), 3);
  CHECK(std::isnan(nothing.ap));
  CHECK(nothing.cost == std::array<double, 6>{});
  // Nothing is left when what was missed is no object any more.
  auto const blind = study_errors(lists(1), truth_lists{{{here, 1}}}, 1);
  CHECK(blind.ap == 0);
  CHECK(blind.cost[static_cast<std::size_t>(error_kind::missed)] == 1);
}

TEST_CASE("error_kinds: refuses lists of other lengths, labels and options without sense") {
  CHECK_THROWS_WITH_AS(study_errors(lists(1), truth_lists(2), 1), "study_errors: expected detections for 2 images, found 1", error);
  CHECK_THROWS_WITH_AS(study_errors(lists{{{here, .5f, 3}}}, truth_lists(1), 2),
                       "detection of image 0: expected a label from 1 to 2, found 3", error);
  CHECK_THROWS_AS(study_errors(lists(1), truth_lists(1), 1, {.foreground = .1, .background = .5}), error);
  CHECK_THROWS_AS(study_errors(lists(1), truth_lists(1), 1, {.max_detections = 0}), error);
}
