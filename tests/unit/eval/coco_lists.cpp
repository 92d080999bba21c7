#include "frcnn/eval/coco_lists.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::eval;

namespace {
using lists = std::vector<std::vector<detection>>;
using truth_lists = std::vector<std::vector<truth_box>>;
}  // namespace

TEST_CASE("coco_lists: AP by size of object") {
  box<float> const small{0, 0, 31, 32}, medium{100, 0, 195, 96}, large{200, 0, 297, 96};
  truth_lists const truths{{{small, 1}, {medium, 1}}, {{large, 1}, {small, 1, true}}};
  // Of the difficult one no AP is known of; the detection on it is ignored.
  lists const found{{{small, .9f, 1}, {{400, 0, 440, 40}, .95f, 1}}, {{large, .8f, 1}, {small, .99f, 1}}};
  auto const e = evaluate_coco(found, truths, 2);
  CHECK(coco_ap(e, {.area = 1}) == doctest::Approx(1));
  CHECK(coco_ap(e, {.area = 2}) == 0);  // nothing of that size was found, and something wrong was
  CHECK(coco_ap(e, {.area = 3}) == doctest::Approx(1));
  CHECK(e.objects == std::vector<std::size_t>{3, 1, 1, 1, 0, 0, 0, 0});
  CHECK(coco_ap(e, {.category = 1}) == -1);  // no objects
}

TEST_CASE("coco_lists: refuses lists of other lengths and labels of other classes") {
  CHECK_THROWS_WITH_AS(evaluate_coco(lists(1), truth_lists(2), 1), "evaluate_coco: expected detections for 2 images, found 1", error);
  CHECK_THROWS_AS(evaluate_coco(lists(1), truth_lists{{{{0, 0, 1, 1}, 2}}}, 1), error);
}
