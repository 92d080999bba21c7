#include "frcnn/backend/cpu/kernels/winograd/map_tiles.hpp"

#if FRCNN_HAS_FAST

#include <doctest/doctest.h>

#include <vector>

using namespace frcnn;
using namespace frcnn::cpu_backend;

namespace {

constexpr int channels = 16, out_channels = 32;

struct maps {
  shape<4> dims;
  std::vector<float> x = std::vector<float>(dims.size()), y = std::vector<float>(dims.size() / channels * out_channels);

  winograd::map_tiles tiles(bool pool = false) { return {x.data(), dims, channels, y.data(), out_channels, {.pool = pool}}; }
};
std::vector<shape<4>> const shapes = {{{1, channels, 37, 50}}, {{2, channels, 7, 12}}, {{3, channels, 1, 4}}, {{1, channels, 12, 18}},
                                      {{2, channels, 5, 3}},   {{0, channels, 9, 9}},  {{1, channels, 9, 1}}};

}  // namespace

TEST_CASE("map tiles: every pixel is written by one tile; its window lies around it") {
  for (auto const& dims : shapes)
    for (bool pool : {false, true}) {
      if (pool && (dims[2] < 2 || dims[3] < 2)) continue;
      maps m{dims};
      auto const tiles = m.tiles(pool);
      int const step = pool ? 2 : 1, height = dims[2] / step, width = dims[3] / step;
      CHECK(tiles.size() == static_cast<std::size_t>(winograd::tiles_of(dims)));
      std::vector<int> written(static_cast<std::size_t>(dims[0] * height * width));
      for (std::size_t t = 0; t < tiles.size(); ++t) {
        auto const to = tiles.target_of(t);
        auto const from = tiles.window_of(t);
        CHECK(to.rows * step <= to.kind.rows);
        CHECK(to.columns * step <= to.kind.columns);
        CHECK(from.kind.rows == to.kind.rows);
        CHECK(from.kind.columns == to.kind.columns);
        CHECK(from.x0 == step * to.x0 - 1);
        for (int i = 0; i < to.rows; ++i) {
          auto const row = (to.row[i] - m.y.data()) / (out_channels * width);
          CHECK(from.row[step * i + 1] - m.x.data() == (row / height * dims[2] + row % height * step) * dims[3] * channels);
          for (int j = 0; j < to.columns; ++j) ++written[static_cast<std::size_t>(row * width + to.x0 + j)];
        }
      }
      for (int n : written) CHECK(n == 1);
    }
}

TEST_CASE("map tiles: shares hold every tile once, of its kind; the tiles that need a product lie side by side") {
  for (auto const& dims : shapes) {
    maps m{dims};
    auto const tiles = m.tiles();
    for (auto const& [parts, whole] : {std::pair{1u, 1u}, {2u, 1u}, {3u, 1u}, {7u, 4u}, {16u, 14u}}) {
      std::vector<int> found(tiles.size());
      for (std::size_t part = 0; part < parts; part += 2) {  // mostly two at once
        auto const share = tiles.share(part, std::min<std::size_t>(part + 2, parts), parts, whole);
        share.each(0, share.size(), [&](winograd::tile_groups::group const& g) {
          for (int i = 0; i < g.rows; ++i) {
            std::size_t const t = g.tile + static_cast<std::size_t>(i);
            CHECK(tiles.window_of(t).kind.rows == g.kind.rows);
            CHECK(tiles.window_of(t).kind.columns == g.kind.columns);
            ++found[t];
          }
        });
      }
      for (int n : found) CHECK(n == 1);
    }
    for (int q = 0; q < winograd::products; ++q) {
      auto const [begin, end] = tiles.which_need(q);
      for (std::size_t t = 0; t < tiles.size(); ++t) CHECK((begin <= t && t < end) == tiles.window_of(t).kind.needs(q));
    }
  }
}

TEST_CASE("map tiles: 37 x 50 outputs are 48 whole tiles, and 15 of three other kinds") {
  maps m{{{1, channels, 37, 50}}};
  auto const tiles = m.tiles();
  std::size_t products = 0;
  for (int q = 0; q < winograd::products; ++q) products += tiles.which_need(q).second - tiles.which_need(q).first;
  CHECK(tiles.size() == 63);
  CHECK(products == 3536);
}

#endif
