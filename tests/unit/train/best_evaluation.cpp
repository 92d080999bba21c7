#include "frcnn/train/best_evaluation.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;

TEST_CASE("the best evaluation has the highest AP, of equal ones the lowest loss; patience counts those since") {
  double const none = std::nan("");
  best_evaluation so_far(2);
  CHECK_FALSE(so_far.is_over());
  CHECK(so_far.notes().empty());
  CHECK(so_far.add({10, none, none}));
  CHECK(so_far.add({20, none, 9}));
  CHECK(so_far.add({30, 0, 10}));
  CHECK(so_far.add({40, 0, 2}));
  CHECK(so_far.add({50, .3, 3}));
  CHECK_FALSE(so_far.add({60, .3, 3}));  // the earlier one stays
  CHECK_FALSE(so_far.is_over());
  CHECK(so_far.add({70, .3, 2.5}));
  CHECK(so_far.since_best() == 0);
  CHECK_FALSE(so_far.add({80, .2, 1}));
  CHECK_FALSE(so_far.add({90, none, 1}));
  CHECK(so_far.is_over());
  CHECK(so_far.best()->step == 70);
  CHECK(so_far.last()->step == 90);

  best_evaluation endless;
  for (int i = 0; i < 100; ++i) endless.add({i, 0, 1});
  CHECK_FALSE(endless.is_over());
  CHECK(endless.since_best() == 99);
  CHECK(sentence([] { best_evaluation(-1); }) == "patience: expected 0 or more evaluations, found -1");
}

TEST_CASE("the best evaluation as text comes back as it was, and what is no such text is named") {
  best_evaluation so_far(3);
  so_far.add({1234567890123, 1. / 3, 1e-7});
  so_far.add({1234567890124, std::nan(""), 2});
  auto notes = so_far.notes();
  notes["of somebody else"] = "x";
  best_evaluation again(3);
  again.add({1, .9, 0});
  again.restore(notes, "state");
  CHECK(again.best()->step == 1234567890123);
  CHECK(again.best()->ap == 1. / 3);
  CHECK(again.best()->loss == 1e-7);
  CHECK(std::isnan(again.last()->ap));
  CHECK(again.since_best() == 1);
  CHECK(again.notes() == so_far.notes());
  again.restore({}, "state");
  CHECK_FALSE(again.best());

  notes["best evaluation: AP"] = "much";
  CHECK(sentence([&] { again.restore(notes, "state"); }) == "state: expected a number as note \"best evaluation: AP\", found 'much'");
  notes.erase("best evaluation: AP");
  CHECK(sentence([&] { again.restore(notes, "state"); }) == "state: expected a number as note \"best evaluation: AP\", found none");
  CHECK_FALSE(again.best());
}
