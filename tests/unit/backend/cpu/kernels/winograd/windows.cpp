#include "frcnn/backend/cpu/kernels/winograd/windows.hpp"

#if FRCNN_HAS_FAST

#include "small_map.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace cpu_tests {

TEST_CASE("windows: those side by side are read, and fetched by the last calls, line by line") {
  constexpr int count = 3, line = 16;
  small_map const map{9, 40};
  auto const window_of = [&](std::size_t t) {  // two rows of tiles, 7 in each
    return map.at(static_cast<int>(t) / 7 * winograd::outputs - 1, static_cast<int>(t) % 7 * winograd::outputs - 1, {});
  };
  for (std::size_t first : {std::size_t{0}, std::size_t{3}, std::size_t{6}, std::size_t{9}}) {
    CAPTURE(first);
    std::size_t const end = first + 5, of_row = first / 7 * 7 + 7;
    winograd::window_run const run(first, end, window_of);
    CHECK(run.stop() == std::min(end, of_row));
    std::vector<float const*> expected;
    int rows = 0;
    for (int r = 0; r < winograd::inputs; ++r) {
      auto const from = window_of(first), to = window_of(run.stop() - 1);
      CHECK((run.row(r) == nullptr) == (from.row[r] == nullptr));
      if (!run.row(r)) continue;
      ++rows;
      float const* const begin = from.row[r] + std::max(0, from.x0) * from.pixel;
      CHECK(run.row(r) == begin);
      CHECK(begin + run.length() == from.row[r] + std::min(map.width, to.x0 + winograd::inputs) * from.pixel);
      for (std::ptrdiff_t i = 0; i < run.length(); i += line) expected.push_back(begin + i);
    }
    int const needed = rows * static_cast<int>((run.length() + count * line - 1) / (count * line)), calls = needed + 4;
    winograd::lines_ahead ahead(run, calls, count);
    std::vector<float const*> found;
    for (int i = 0; i < calls; ++i) {
      simd::prefetch const next = ahead.take();
      CHECK((next.first != nullptr) == (i >= 4));
      for (int j = 0; next.first && j < count; ++j) found.push_back(next.first + j * next.step);
    }
    CHECK(ahead.take().first == nullptr);
    for (auto const* p : expected) CHECK(std::count(found.begin(), found.end(), p) >= 1);
  }
  winograd::lines_ahead none;
  CHECK(none.take().first == nullptr);
}

}  // namespace cpu_tests

#endif
