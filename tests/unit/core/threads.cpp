// Helping threads: every one that was started has ended when they are joined.
#include "frcnn/core/threads.hpp"

#include <doctest/doctest.h>

#include <atomic>

using frcnn::helping_threads;

TEST_CASE("helping threads: each runs the work once, and join waits for it") {
  std::atomic<int> ran = 0;
  helping_threads threads(3, [&] { ++ran; });
  CHECK(threads.size() <= 3);
  std::size_t const first = threads.size();
  threads.join();
  CHECK(ran == static_cast<int>(first));
  CHECK(threads.size() == 0);
  threads.start(2, [&] { ran += 10; });
  std::size_t const second = threads.size();
  threads.join();
  CHECK(ran == static_cast<int>(first + 10 * second));
}

TEST_CASE("helping threads: the destructor joins") {
  std::atomic<bool> done = false;
  std::size_t started = 0;
  {
    helping_threads threads(1, [&] { done = true; });
    started = threads.size();
  }
  CHECK(done == (started == 1));
}
