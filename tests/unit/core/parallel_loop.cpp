#include "frcnn/core/parallel_loop.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

TEST_CASE("every index once, whatever the number of threads; an exception comes back") {
  for (int threads : {0, 1, 2, 7}) {
    std::vector<int> seen(100, 0);
    frcnn::for_each_in_parallel(seen.size(), threads, [&](std::size_t i) { ++seen[i]; });
    CHECK(seen == std::vector<int>(100, 1));
    frcnn::for_each_in_parallel(0, threads, [&](std::size_t) { FAIL("there is nothing to do"); });
    CHECK_THROWS_WITH(frcnn::for_each_in_parallel(50, threads,
                                                  [](std::size_t i) {
                                                    if (i == 13) throw std::runtime_error("thirteen");
                                                  }),
                      "thirteen");
  }
}

TEST_CASE("a counter tells of each turn once, in order; what it throws ends the loop; an empty one is not called") {
  for (int threads : {1, 3}) {
    std::vector<std::size_t> told;
    frcnn::turn_counter::teller const tell = [&](std::size_t done, std::size_t all) {
      CHECK(all == 40);
      told.push_back(done);
      if (done == 30) throw std::runtime_error("thirty");
    };
    frcnn::turn_counter counter(tell, 40);
    CHECK_THROWS_WITH(frcnn::for_each_in_parallel(40, threads, [&](std::size_t) { counter.add(); }), "thirty");
    CHECK(told.size() >= 30);
    for (std::size_t i = 0; i < told.size(); ++i) CHECK(told[i] == i + 1);
  }
  frcnn::turn_counter::teller const nobody;
  frcnn::turn_counter(nobody, 1).add();
}

TEST_CASE("of several exceptions that of the smallest index comes back, however late it is") {
  std::atomic<bool> other{false};
  CHECK_THROWS_WITH(frcnn::for_each_in_parallel(2, 2,
                                                [&](std::size_t i) {
                                                  if (i == 1) {
                                                    other = true;
                                                    throw std::runtime_error("one");
                                                  }
                                                  for (int n = 0; n < 1000000 && !other; ++n) std::this_thread::yield();
                                                  throw std::runtime_error("zero");
                                                }),
                    "zero");
}
