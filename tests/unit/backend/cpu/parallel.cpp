#include "frcnn/backend/cpu/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <set>
#include <stdexcept>
#include <vector>

using namespace frcnn;

TEST_CASE("parallel_for: every index once, cut by threads and grain") {
  for (int threads : {1, 2, 5}) {
    cpu::context c(threads);
    for (std::size_t n : {0u, 1u, 7u, 100u}) {
      std::vector<std::atomic<int>> seen(n);
      std::atomic<int> runs = 0;
      parallel_for(c, n, 4, [&](int worker, std::size_t begin, std::size_t end) {
        CHECK(worker < c.threads());
        ++runs;
        for (std::size_t i = begin; i < end; ++i) ++seen[i];
      });
      for (auto& s : seen) CHECK(s == 1);
      CHECK(runs == workers_for(c, n, 4));
      CHECK(runs <= (static_cast<int>(n) + 3) / 4);
    }
  }
}

TEST_CASE("parallel_for: an exception reaches the caller") {
  for (int threads : {1, 4}) {
    cpu::context c(threads);
    CHECK_THROWS_AS(parallel_for(c, 100, 1, [](std::size_t, std::size_t) { throw std::runtime_error("inside"); }), std::runtime_error);
  }
}

TEST_CASE("parallel_for: a loop inside a loop is cut the same way") {
  cpu::context c(2);
  std::vector<std::atomic<int>> workers(2);
  parallel_for(c, 2, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      parallel_for(c, 10, 1, [&](int worker, std::size_t first, std::size_t last) { workers[worker] += static_cast<int>(last - first); });
  });
  int total = 0;
  for (auto& w : workers) total += w;
  CHECK(total == 20);
  if (c.threads() == 2) CHECK(workers[0] == workers[1]);
}

#if defined(__SSE2__)
TEST_CASE("parallel_for: denormals are zero inside, and outside as before") {
  cpu::context c(2);
  float const volatile tiny = std::numeric_limits<float>::denorm_min() * 1000;
  std::vector<float> inside(2, -1);
  parallel_for(c, 2, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) inside[i] = tiny * 2.0f;
  });
  CHECK(inside == std::vector<float>{0, 0});
  CHECK(tiny * 2.0f > 0);
}
#endif
