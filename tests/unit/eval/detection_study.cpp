#include "frcnn/eval/detection_study.hpp"

#include "fixture.hpp"

using namespace frcnn;
using namespace frcnn::eval;

TEST_CASE("detection_study: its parts are the evaluators', and the worst images come first") {
  auto const g = golden::read();
  auto const s = study_detections(g.detections, g.truths, g.classes, ap_metric::voc07);
  auto const at_half = evaluate_voc(g.detections, g.truths, g.classes, {ap_metric::voc07, .5});
  REQUIRE(s.at.size() == 10);
  CHECK(s.at[0].mean == at_half.mean);
  CHECK(s.at[9].options.iou_threshold == .95);
  double sum = 0;
  for (auto const& e : s.at) sum += e.classes[1].ap;
  CHECK(s.ap_of(1) == doctest::Approx(sum / 10));
  CHECK(std::isnan(s.ap_of(5)));  // a class without objects

  int mistakes = 0;
  for (std::size_t k = 0; k < s.worst.size(); ++k) {
    auto const& m = s.worst[k];
    mistakes += m.wrong + m.missed;
    if (k) CHECK(s.worst[k - 1].wrong + s.worst[k - 1].missed >= m.wrong + m.missed);
  }
  // Off the diagonal: background's row and column count once, a class taken for another twice.
  int expected = 0;
  for (int o = 0; o <= g.classes; ++o)
    for (int f = 0; f <= g.classes; ++f)
      if (o != f) expected += static_cast<int>(s.confusion(o, f)) * (o > 0 && f > 0 ? 2 : 1);
  CHECK(mistakes == expected);
}
