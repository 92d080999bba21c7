#include "frcnn/eval/report.hpp"

#include <doctest/doctest.h>

#include <clocale>

using namespace frcnn;
using namespace frcnn::eval;

TEST_CASE("report: one line per class, the mean last") {
  voc_evaluation e;
  e.classes.resize(2);
  e.classes[0].ap = 0.8, e.classes[1].ap = 0.95006, e.mean = 0.875;
  std::vector<std::string> const names{"RBC", "WBC"};
  CHECK(ap_report(e, names) == "AP50 RBC 0.8000\nAP50 WBC 0.9501\nmAP50 0.8750\n");
  e.options.iou_threshold = 0.75;
  CHECK(ap_report(e, names) == "AP75 RBC 0.8000\nAP75 WBC 0.9501\nmAP75 0.8750\n");
  CHECK_THROWS_AS(ap_report(e, std::vector<std::string>{"RBC"}), error);
}

TEST_CASE("report: a value that is not there, and another locale") {
  CHECK(ap_report(voc_evaluation{}, {}) == "mAP50 n/a\n");
  std::string const before = std::setlocale(LC_NUMERIC, nullptr);
  std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // a comma where the locale is installed
  CHECK(format_ap(1) == "1.0000");
  CHECK(format_ap(0.12345) == "0.1235");
  std::setlocale(LC_NUMERIC, before.c_str());
}
