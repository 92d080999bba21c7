#include "frcnn/train/training_pace.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;

namespace {

// A clock that stands until it is moved.
struct hand_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<hand_clock, duration>;
  [[maybe_unused]] static constexpr bool is_steady = true;
  static inline time_point at{};
  static time_point now() { return at; }
  static void move(int milliseconds) { at += duration(milliseconds); }
};
using pace = training_pace<hand_clock>;

}  // namespace

TEST_CASE("a pace is that of the time in which training runs") {
  pace p;
  hand_clock::move(9000);  // making proposals
  CHECK(std::isnan(p.images_per_second()));
  CHECK(std::isnan(p.look().feed_share));
  {
    pace::running const on(p);
    hand_clock::move(2000);
    p.add_wait(hand_clock::duration(500));
    p.add_images(4);
    {
      pace::running const once(p);  // a flush inside of a step
      hand_clock::move(0);
    }
    auto const first = p.look();  // while it runs
    CHECK(first.images_per_second == doctest::Approx(2));
    CHECK(first.feed_share == doctest::Approx(.25));
  }
  hand_clock::move(10000);  // validation
  {
    pace::running const on(p);
    hand_clock::move(1000);
    p.add_images(4);
  }
  hand_clock::move(10000);
  auto const second = p.look();
  CHECK(second.images_per_second == doctest::Approx(4));
  CHECK(second.feed_share == 0);
  CHECK(p.images_per_second() == doctest::Approx(8 / 3.));
  CHECK(std::isnan(p.look().images_per_second));  // nothing since
}
