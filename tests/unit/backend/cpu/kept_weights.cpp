#include "frcnn/backend/cpu/kept_weights.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <thread>

namespace cpu_tests {

namespace {

// Fills four floats with `value` and counts how often it was asked to.
struct maker {
  float value;
  int* times;
  void operator()(float* memory) const {
    std::fill_n(memory, 4, value);
    ++*times;
  }
};

}  // namespace

TEST_CASE("kept weights: made once for each version and layout") {
  kept_weights kept;
  int times = 0;
  float const* const first = kept.get(weight_layout::winograd, 0, 4, maker{1, &times});
  CHECK(first[3] == 1);
  CHECK(kept.get(weight_layout::winograd, 0, 4, maker{2, &times})[3] == 1);  // the version says that nothing changed
  CHECK(times == 1);
  CHECK(kept.get(weight_layout::panels, 0, 4, maker{3, &times})[0] == 3);
  CHECK(first[0] == 1);
  CHECK(times == 2);
  CHECK(kept.get(weight_layout::winograd, 5, 4, maker{4, &times})[3] == 4);
  CHECK(kept.get(weight_layout::panels, 0, 4, maker{5, &times})[3] == 3);
  CHECK(times == 3);
}

TEST_CASE("kept weights: a copy begins empty") {
  kept_weights kept;
  int times = 0;
  kept.get(weight_layout::panels, 1, 4, maker{1, &times});
  kept_weights copy(kept), moved(std::move(kept)), assigned;
  assigned.get(weight_layout::panels, 1, 4, maker{2, &times});
  assigned = copy;
  times = 0;
  for (auto* k : {&copy, &moved, &assigned}) CHECK(k->get(weight_layout::panels, 1, 4, maker{7, &times})[0] == 7);
  CHECK(times == 3);
}

TEST_CASE("kept weights: what could not be made is not there") {
  kept_weights kept;
  int times = 0;
  CHECK_THROWS_AS(kept.get(weight_layout::winograd, 1, 4, [](float*) { throw std::bad_alloc(); }), std::bad_alloc);
  CHECK(kept.get(weight_layout::winograd, 1, 4, maker{1, &times})[0] == 1);
  CHECK(times == 1);
}

TEST_CASE("kept weights: several threads find one copy") {
  kept_weights kept;
  int times = 0;
  float const* found[4] = {};
  std::vector<std::thread> threads;
  for (auto& f : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) f = kept.get(weight_layout::winograd, 1, 4, maker{1, &times});
    });
  for (auto& t : threads) t.join();
  CHECK(times == 1);
  for (auto* f : found) CHECK((f == found[0] && f[3] == 1));
}

}  // namespace cpu_tests
