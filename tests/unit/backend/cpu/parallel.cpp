#include "frcnn/backend/cpu/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace frcnn;

TEST_CASE("parallel_for: every index once, in pieces of the grain") {
  for (int threads : {1, 2, 5}) {
    cpu::context c(threads);
    for (std::size_t n : {0u, 1u, 7u, 100u, 10000u}) {
      std::vector<std::atomic<int>> seen(n);
      parallel_for(c, n, 4, [&](int member, std::size_t begin, std::size_t end) {
        CHECK(member < c.threads());
        CHECK(begin < end);
        CHECK(begin % 4 == 0);
        for (std::size_t i = begin; i < end; ++i) ++seen[i];
      });
      for (auto& s : seen) CHECK(s == 1);
    }
  }
}

TEST_CASE("parallel_for: a thread that is slow holds up nobody") {
  cpu::context c(2);
  std::atomic<int> of_member[2] = {};
  std::atomic<bool> arrived = false;
  for (int i = 0; i < 100 && !arrived; ++i)  // until a helper takes part
    parallel_for(c, 64, 1, [&](int member, std::size_t, std::size_t) {
      if (member == 1) arrived = true;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    });
  REQUIRE(arrived);
  // The helper takes one piece of two, and keeps it until the caller has taken all others.
  parallel_for(c, 64, 1, [&](int member, std::size_t begin, std::size_t end) {
    of_member[member] += static_cast<int>(end - begin);
    if (member == 1)
      while (of_member[0] + of_member[1] < 64) std::this_thread::yield();
    else
      while (of_member[1] == 0) std::this_thread::yield();
  });
  CHECK(of_member[0] == 62);
  CHECK(of_member[1] == 2);
}

TEST_CASE("parallel_runs: each run once, cut by threads and grain alone") {
  for (int threads : {1, 2, 5}) {
    cpu::context c(threads);
    for (std::size_t n : {0u, 1u, 7u, 100u}) {
      std::vector<std::atomic<int>> seen(n), runs(5);
      parallel_runs(c, n, 4, [&](int run, std::size_t begin, std::size_t end) {
        ++runs[static_cast<std::size_t>(run)];
        CHECK(begin == n * static_cast<std::size_t>(run) / static_cast<std::size_t>(workers_for(c, n, 4)));
        for (std::size_t i = begin; i < end; ++i) ++seen[i];
      });
      for (auto& s : seen) CHECK(s == 1);
      for (int run = 0; run < 5; ++run) CHECK(runs[static_cast<std::size_t>(run)] == (run < workers_for(c, n, 4)));
    }
  }
}

TEST_CASE("parallel_members: the caller, and who arrives") {
  cpu::context c(3);
  for (int i = 0; i < 1000; ++i) {
    std::atomic<int> left = 100, done = 0;
    std::atomic<int> calls[3] = {};
    parallel_members(c, 3, [&](int member) {
      ++calls[member];
      while (left.fetch_sub(1) > 0) ++done;
    });
    CHECK(done == 100);
    CHECK(calls[0] == 1);
    CHECK(calls[1] <= 1);
    CHECK(calls[2] <= 1);
  }
}

TEST_CASE("parallel_for: loops follow each other for a long time, with pauses in which helpers fall asleep") {
  cpu::context c(4);
  std::atomic<std::int64_t> sum = 0;
  for (int i = 0; i < 3000; ++i) {
    parallel_for(c, 37, 1, [&](std::size_t begin, std::size_t end) { sum += static_cast<std::int64_t>(end - begin); });
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(sum == 3000 * 37);
}

TEST_CASE("parallel_for: an exception reaches the caller") {
  for (int threads : {1, 4}) {
    cpu::context c(threads);
    CHECK_THROWS_AS(parallel_for(c, 100, 1, [](std::size_t, std::size_t) { throw std::runtime_error("inside"); }), std::runtime_error);
  }
}

TEST_CASE("parallel_runs: a loop inside a loop is cut the same way") {
  cpu::context c(2);
  std::vector<std::atomic<int>> workers(2);
  parallel_for(c, 2, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      parallel_runs(c, 10, 1, [&](int worker, std::size_t first, std::size_t last) { workers[worker] += static_cast<int>(last - first); });
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
