#include "frcnn/core/parallel_loop.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

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
