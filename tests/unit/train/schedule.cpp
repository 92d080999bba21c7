#include "frcnn/train/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>

using frcnn::schedule;

TEST_CASE("warm-up is linear and reaches the rate at its last step") {
  schedule const s{.lr = .01, .warmup = 100, .steps = 1000, .drops = {.75}};
  CHECK(s.at(0) == doctest::Approx(1e-4));
  CHECK(s.at(49) == doctest::Approx(5e-3));
  CHECK(s.at(98) == doctest::Approx(.0099));
  CHECK(s.at(99) == doctest::Approx(.01));
  CHECK(s.at(100) == .01);
}

TEST_CASE("drops multiply, from the step on that completes their fraction") {
  schedule const s{.lr = .01, .warmup = 0, .steps = 1000, .drops = {.5, .75}, .gamma = .1};
  CHECK(s.at(0) == .01);
  CHECK(s.at(499) == .01);
  CHECK(s.at(500) == doctest::Approx(1e-3));
  CHECK(s.at(749) == doctest::Approx(1e-3));
  CHECK(s.at(750) == doctest::Approx(1e-4));
  CHECK(s.at(999) == doctest::Approx(1e-4));
}

TEST_CASE("a fraction that is no whole step waits for the next") {
  schedule const s{.lr = 1, .steps = 10, .drops = {.75}};
  CHECK(s.at(7) == 1);
  CHECK(s.at(8) == doctest::Approx(.1));
  // 0.55 * 100 is 55, whatever its last bits.
  for (double const drop : {.07, .14, .28, .29, .55, .56, .57}) {
    schedule const whole{.lr = 1, .steps = 100, .drops = {drop}};
    CHECK(whole.at(std::lround(100 * drop) - 1) == 1);
    CHECK(whole.at(std::lround(100 * drop)) == doctest::Approx(.1));
  }
}

TEST_CASE("without drops and warm-up the rate is constant; both together multiply") {
  CHECK(schedule{.lr = .3, .steps = 5}.at(4) == .3);
  schedule const both{.lr = 1, .warmup = 10, .steps = 10, .drops = {.5}};
  CHECK(both.at(4) == doctest::Approx(.5));
  CHECK(both.at(5) == doctest::Approx(.06));
}
