// One const detector serves several threads: each with a session of its own, or from the pool.
#include "frcnn/detector/detector.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/presets/small.hpp"

#include <doctest/doctest.h>

#include <exception>
#include <thread>

using namespace frcnn;

namespace {

using preset = presets::small_net<cpu>;

// Smaller images than the preset's: this runs under the thread sanitizer.
detector<preset> make() {
  auto config = preset::config({"disc", "bar"});
  config.short_side = 96;
  config.max_side = 160;
  detector<preset> d(std::move(config), 1);
  auto& store = d.model().parameters();
  store.initialise(3);
  // As initialised, all scores are alike; these spread.
  for (auto const& e : store.entries())
    if (e.p->rank > 1 && !e.name.starts_with("backbone")) {
      auto values = store.get(e);
      for (auto& v : values) v *= 8;
      store.set(e, values);
    }
  return d;
}

image picture(int w, int h, std::uint64_t seed) {
  image im(w, h);
  host_rng draws(seed, draw::test);
  for (int y = 0; y < h; y += 8)
    for (int x = 0; x < w; x += 8) {
      auto const value = static_cast<std::uint8_t>(draws.integer(0, 255));
      for (int j = y; j < std::min(y + 8, h); ++j)
        for (int i = x; i < std::min(x + 8, w); ++i) std::fill_n(im.at(i, j), 3, value);
    }
  return im;
}

// f(i) on four threads at once; the first exception is thrown here.
template <class F>
void on_four_threads(F f) {
  std::vector<std::thread> threads;
  std::exception_ptr failure[4];
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      try {
        f(i);
      } catch (...) {
        failure[i] = std::current_exception();
      }
    });
  for (auto& t : threads) t.join();
  for (auto const& e : failure)
    if (e) std::rethrow_exception(e);
}

}  // namespace

TEST_CASE("four threads find what one finds") {
  detector<preset> const d = make();
  image const images[] = {picture(120, 96, 1), picture(96, 130, 2), picture(160, 96, 3)};
  constexpr std::size_t count = std::size(images), rounds = 2;
  std::vector<std::vector<detection>> expected;
  for (auto const& im : images) expected.push_back(d.detect(im));
  std::size_t boxes = 0;
  for (auto const& found : expected) boxes += found.size();
  CHECK(boxes > 20);
  CHECK_FALSE(expected[0] == expected[1]);

  // found[thread][call]; call k looks at image (k + thread) % count, so that different sizes meet.
  std::vector<std::vector<detection>> found[4];
  auto const check = [&] {
    for (std::size_t i = 0; i < 4; ++i) {
      REQUIRE(found[i].size() == rounds * count);
      for (std::size_t k = 0; k < found[i].size(); ++k) CHECK(found[i][k] == expected[(k + i) % count]);
      found[i].clear();
    }
  };

  on_four_threads([&](int i) {
    detector<preset>::session own(d, 1);
    for (std::size_t k = 0; k < rounds * count; ++k) found[i].push_back(d.detect(own, images[(k + static_cast<std::size_t>(i)) % count]));
  });
  check();

  on_four_threads([&](int i) {
    for (std::size_t k = 0; k < rounds * count; ++k) found[i].push_back(d.detect(images[(k + static_cast<std::size_t>(i)) % count]));
  });
  check();
}

TEST_CASE("an image that is refused on one thread leaves the others alone") {
  detector<preset> const d = make();
  image const good = picture(120, 96, 1);
  auto const expected = d.detect(good);
  bool refused[4] = {}, right[4] = {};
  on_four_threads([&](int i) {
    try {
      d.detect(image_view{});
    } catch (error const&) {
      refused[i] = true;
    }
    right[i] = d.detect(good) == expected;
  });
  for (int i = 0; i < 4; ++i) CHECK((refused[i] && right[i]));
}
