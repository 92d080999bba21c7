#include "frcnn/eval/score_threshold.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::eval;

namespace {

// Of two objects: scores, and whether each detection is right.
class_ap of(std::vector<std::pair<float, bool>> const& found) {
  std::vector<std::vector<detection>> detections(1);
  int n = 0;
  for (auto const& [score, right] : found) {
    float const x = right ? 100.0f * static_cast<float>(n++) : 1000;
    detections[0].push_back({{x, 0, x + 10, 10}, score, 1});
  }
  std::vector<std::vector<truth_box>> const truths{{{{0, 0, 10, 10}, 1}, {{100, 0, 110, 10}, 1}}};
  return evaluate_voc(detections, truths, 1).classes[0];
}

}  // namespace

TEST_CASE("score_threshold: the best F1, with precision and recall there") {
  auto const t = best_threshold(of({{.91f, true}, {.82f, false}, {.7312f, true}, {.5f, false}}));
  REQUIRE(t);
  CHECK(t->score == .73f);
  CHECK(t->recall == 1);
  CHECK(t->precision == 2.0 / 3);
  CHECK(std::abs(t->f1 - 0.8) < 1e-12);
}

TEST_CASE("score_threshold: of equal F1 the higher score; equal scores go together") {
  CHECK(best_threshold(of({{.9f, true}}))->score == .89f);
  // .8 passes both or none: F1 is 2/3 after the first, 1 after the second, and never that of one.
  auto const t = best_threshold(of({{.8f, true}, {.8f, true}, {.3f, false}}));
  CHECK(t->f1 == 1);
  CHECK(t->score == .79f);
  CHECK(best_threshold(of({{.8f, true}, {.8f, false}, {.8f, false}}))->f1 == 2.0 / 5);
}

TEST_CASE("score_threshold: lies between what it lets pass and what not, however near they are") {
  for (auto const& [right, wrong] : {std::pair{.5f, .4999f}, {.9999f, .9998f}, {.1234567f, .1234566f}, {.5f, std::nextafter(.5f, 0.f)}}) {
    auto const t = best_threshold(of({{right, true}, {right, true}, {wrong, false}}));
    CHECK(right > t->score);
    CHECK(!(wrong > t->score));
  }
  CHECK(best_threshold(of({{.001f, true}, {.001f, true}}))->score == 0);
}

TEST_CASE("score_threshold: none where nothing is right") {
  CHECK(!best_threshold(of({{.9f, false}})));
  CHECK(!best_threshold(of({})));
}
