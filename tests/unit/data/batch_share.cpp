// Which images are a process's: every N-th, each of them one process's.
#include "frcnn/data/batch_share.hpp"

#include <doctest/doctest.h>

#include <vector>

using frcnn::data::batch_share;

TEST_CASE("batch_share: each image is one process's, whatever their numbers") {
  for (int const processes : {1, 2, 3, 5})
    for (std::size_t all = 0; all <= 11; ++all) {
      std::vector<int> seen(all, 0);
      for (int process = 0; process < processes; ++process) {
        batch_share const share{process, processes};
        for (std::size_t k = 0; k < share.count(all); ++k) {
          REQUIRE(share.index(k) < all);
          CHECK(share.index(k) % static_cast<std::size_t>(processes) == static_cast<std::size_t>(process));
          ++seen[share.index(k)];
        }
      }
      CHECK(seen == std::vector<int>(all, 1));
    }
  CHECK(batch_share{1, 3}.count(8) == 3);
  CHECK(batch_share{1, 3}.index(2) == 7);
}
