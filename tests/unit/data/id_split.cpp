#include "frcnn/data/id_split.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn::data;

namespace {

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> ids;
  for (int i = from; i < to; ++i) ids.push_back("image_" + std::to_string(i));
  return ids;
}

}  // namespace

TEST_CASE("an id has its place for good") {  // numbers from the same function in Python
  CHECK(place_of("") == 0.9576734252420561);
  CHECK(place_of("a") == 0.010753497314070604);
  CHECK(place_of("000001") == 0.5341740712026625);
}

TEST_CASE("two parts are everything, and as large as asked for") {
  auto const ids = numbers(0, 2000);
  for (double fraction : {.1, .5, .8}) {
    auto const train = ids_within(ids, {0, fraction}), test = ids_within(ids, {fraction, 1});
    CHECK(train.size() + test.size() == ids.size());
    CHECK(std::abs(static_cast<double>(train.size()) - 2000 * fraction) < 70);
    std::vector<std::string> both = train;
    both.insert(both.end(), test.begin(), test.end());
    std::sort(both.begin(), both.end());
    CHECK(std::unique(both.begin(), both.end()) == both.end());
  }
  CHECK(ids_within(ids, {}) == ids);
  CHECK(ids_within(ids, {.3, .3}).empty());
}

TEST_CASE("a new image moves no other") {
  auto const before = ids_within(numbers(0, 500), {0, .8}), after = ids_within(numbers(-20, 600), {0, .8});
  std::size_t i = 0;
  for (auto const& id : after)
    if (i < before.size() && id == before[i]) ++i;
  CHECK(i == before.size());
  CHECK(after.size() < before.size() + 120);
}

TEST_CASE("of a few images every part has one") {
  for (int n = 2; n < 8; ++n)
    for (double fraction : {.001, .5, .8, .999}) {
      auto const ids = numbers(0, n);
      auto const train = ids_within(ids, {0, fraction}), test = ids_within(ids, {fraction, 1});
      CHECK(!train.empty());
      CHECK(!test.empty());
      CHECK(train.size() + test.size() == ids.size());
    }
  CHECK(ids_within(numbers(0, 1), {0, .5}).size() + ids_within(numbers(0, 1), {.5, 1}).size() == 1);
  CHECK(ids_within({}, {0, .5}).empty());
}
