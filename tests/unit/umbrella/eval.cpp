#include "frcnn/eval.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("eval: from detections to the last lines of a program with one include") {
  std::vector<std::vector<eval::truth_box>> const truths{{{{0, 0, 10, 10}, 1}}, {{{5, 5, 20, 20}, 2}}};
  std::vector<std::vector<detection>> const found{{{{0, 0, 10, 9}, .9f, 1}}, {}};
  std::vector<std::string> const names{"cat", "dog"};
  CHECK(eval::ap_report(eval::evaluate_voc(found, truths, 2), names) == "AP50 cat 1.0000\nAP50 dog 0.0000\nmAP50 0.5000\n");
}
