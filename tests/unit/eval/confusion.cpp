#include "frcnn/eval/confusion.hpp"

#include "fixture.hpp"

using namespace frcnn;
using namespace frcnn::eval;

namespace {

constexpr box<float> here{0, 0, 10, 10}, there{100, 0, 110, 10}, away{200, 0, 210, 10};
using lists = std::vector<std::vector<detection>>;
using truth_lists = std::vector<std::vector<truth_box>>;
std::vector<float> const none(2, 0.0f);

}  // namespace

TEST_CASE("confusion: found, taken for another class, missed, nothing there, found again") {
  truth_lists const truths{{{here, 1}, {there, 2}, {away, 2}}};
  lists const found{{{here, .9f, 1}, {there, .8f, 1}, {here, .7f, 1}, {{50, 50, 60, 60}, .6f, 2}}};
  auto const m = confusions(found, truths, none);
  CHECK(m.counts == std::vector<std::size_t>{0, 1, 1, 0, 1, 0, 1, 1, 0});
  CHECK(m(1, 1) == 1);  // here
  CHECK(m(2, 1) == 1);  // there
  CHECK(m(2, 0) == 1);  // away
  CHECK(m(0, 1) == 1);  // here again
  CHECK(m(0, 2) == 1);
}

TEST_CASE("confusion: the right class comes first, whatever the scores; scores at a threshold do not count") {
  truth_lists const truths{{{here, 1}}};
  lists const found{{{here, .9f, 2}, {{0, 0, 10, 9}, .5f, 1}}};
  CHECK(confusions_of(found[0], truths[0], none) == std::vector<confusion_outcome>{{1, 1}, {0, 2}});
  CHECK(confusions_of(found[0], truths[0], std::vector{.5f, 0.f}) == std::vector<confusion_outcome>{{1, 2}});
  CHECK(confusions_of(found[0], truths[0], std::vector{.5f, .9f}) == std::vector<confusion_outcome>{{1, 0}});
}

TEST_CASE("confusion: what meets a difficult object is ignored, also as another class; an IoU of 0.5 is no match") {
  truth_lists const truths{{{here, 1, true}}};
  CHECK(confusions_of(lists{{{here, .9f, 1}, {here, .8f, 1}, {here, .7f, 2}}}[0], truths[0], none).empty());
  CHECK(confusions_of(lists{{{{0, 0, 10, 5}, .9f, 1}}}[0], truth_lists{{{here, 1}}}[0], none) ==
        std::vector<confusion_outcome>{{0, 1}, {1, 0}});
}

TEST_CASE("confusion: the diagonal is evaluate_voc's true positives, a row is its objects") {
  auto const g = golden::read();
  std::vector<float> const thresholds(static_cast<std::size_t>(g.classes), 0.4f);
  lists sure = g.detections;
  for (auto& list : sure) std::erase_if(list, [](detection const& d) { return d.score <= 0.4f; });
  auto const voc = evaluate_voc(sure, g.truths, g.classes);
  auto const m = confusions(g.detections, g.truths, thresholds);
  for (int k = 1; k <= g.classes; ++k) {
    auto const& c = voc.classes[static_cast<std::size_t>(k - 1)];
    CHECK(static_cast<int>(m(k, k)) == c.true_positives);
    std::size_t row = 0;
    for (int j = 0; j <= g.classes; ++j) row += m(k, j);
    CHECK(static_cast<int>(row) == c.truths);
  }
  CHECK(m(0, 0) == 0);
}

TEST_CASE("confusion: refuses lists of other lengths and labels of other classes") {
  CHECK_THROWS_WITH_AS(confusions(lists(1), truth_lists(2), none), "confusions: expected detections for 2 images, found 1", error);
  CHECK_THROWS_WITH_AS(confusions(lists{{{here, .5f, 3}}}, truth_lists(1), none),
                       "detection of image 0: expected a label from 1 to 2, found 3", error);
}
