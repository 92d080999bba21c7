#include "frcnn/data/image_cache.hpp"

#include <doctest/doctest.h>

#include <thread>

using frcnn::image;
using frcnn::data::image_cache;

TEST_CASE("first come, up to the budget") {
  image_cache cache(4, 3 * 100 + 3 * 50);
  image const large(10, 10), small(10, 5);
  cache.store(0, large);
  cache.store(1, large);  // no room
  cache.store(2, small);
  cache.store(3, image(1, 1));
  CHECK(cache.find(0)->pixels.size() == 300);
  CHECK(cache.find(1) == nullptr);
  CHECK(cache.find(2)->height == 5);
  CHECK(cache.find(3) == nullptr);
  image marked(10, 5);
  marked.pixels[0] = 9;
  cache.store(2, marked);
  CHECK(cache.find(2)->pixels[0] == 0);  // the first stays
  CHECK(image_cache(1, 0).find(0) == nullptr);
}

TEST_CASE("threads store and find at once") {
  image_cache cache(64, 64 * 75);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round)
        for (std::size_t id = 0; id < 64; ++id) {
          image im(5, 5);
          im.pixels[7] = static_cast<std::uint8_t>(id);
          cache.store(id, im);
          if (image const* found = cache.find(id)) CHECK(found->pixels[7] == id);
        }
    });
  for (auto& t : threads) t.join();
  int cached = 0;
  for (std::size_t id = 0; id < 64; ++id) cached += cache.find(id) != nullptr;
  CHECK(cached == 64);
}
