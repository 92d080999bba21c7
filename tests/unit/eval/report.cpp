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

TEST_CASE("report: classes without objects are counted and one is named") {
  std::vector<std::string> const names{"RBC", "WBC", "platelets"};
  voc_evaluation e;
  e.classes.resize(3);
  e.classes[0].truths = 7, e.classes[2].truths = 1;
  e.classes[0].ap = 0.5, e.classes[2].ap = 1, e.mean = 0.75;
  CHECK(ap_report(e, names) == "AP50 RBC 0.5000\nAP50 WBC n/a\nAP50 platelets 1.0000\nmAP50 0.7500\n");
  CHECK(classes_without_objects(e, names) ==
        "1 of 3 classes has no objects to find in this split: AP is n/a and not part of the mean; the first: WBC");
  e.classes[0].truths = 0, e.classes[0].difficult = 2;
  CHECK(classes_without_objects(e, names) ==
        "2 of 3 classes have no objects to find in this split: AP is n/a and not part of the mean; the first: RBC (difficult ones alone)");
  CHECK(classes_without_objects(e, names, std::array{1}).ends_with("the first: WBC"));
  CHECK(classes_without_objects(e, names, std::array{1, 2}).empty());
  e.classes[0].truths = e.classes[1].truths = 1;
  CHECK(classes_without_objects(e, names).empty());
}

TEST_CASE("report: recall says at which IoU") {
  proposal_recall r{300, 4, {1, 1, 1, .75, .75, .5, .5, .25, .25, 0}, 0.6};
  CHECK(recall_report(std::array{r}) ==
        "recall@300 at IoU 0.50, 0.55, ... 0.95: 1.0000 1.0000 1.0000 0.7500 0.7500 0.5000 0.5000 0.2500 0.2500 0.0000 average 0.6000\n");
}

TEST_CASE("report: a value that is not there, and another locale") {
  CHECK(ap_report(voc_evaluation{}, {}) == "mAP50 n/a\n");
  std::string const before = std::setlocale(LC_NUMERIC, nullptr);
  std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // a comma where the locale is installed
  CHECK(format_ap(1) == "1.0000");
  CHECK(format_ap(0.12345) == "0.1235");
  std::setlocale(LC_NUMERIC, before.c_str());
}
