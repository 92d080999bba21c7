#include "frcnn/backend/cpu/kernels/winograd/tile_groups.hpp"

#if FRCNN_HAS_FAST

#include <doctest/doctest.h>

#include <vector>

using namespace frcnn;
using namespace frcnn::cpu_backend;

TEST_CASE("tile groups: an extent is cut into tiles of 6 outputs and a last one of 4 or 2") {
  for (int extent = 0; extent < 40; ++extent) {
    int const whole = winograd::whole_tiles(extent), last = winograd::last_tile(extent), left = extent % 6;
    CAPTURE(extent);
    CHECK(whole == extent / 6 + (left == 5));
    CHECK(last == (left == 5 ? 0 : left > 2 ? 4 : left > 0 ? 2 : 0));
    CHECK(winograd::tiles_along(extent) == whole + (last > 0));
    for (int tile = 0; tile < winograd::tiles_along(extent); ++tile) CHECK(winograd::outputs_of(tile, extent) == (tile < whole ? 6 : last));
  }
}

TEST_CASE("tile groups: a kind needs two products more each way than it has outputs") {
  for (int rows : {2, 4, 6})
    for (int columns : {2, 4, 6}) {
      winograd::tile_kind const kind{rows, columns};
      int needed = 0;
      for (int q = 0; q < winograd::products; ++q) needed += kind.needs(q);
      CHECK(needed == (rows + 2) * (columns + 2));
      int called = 0;
      winograd::with_kind(kind, [&]<int Rows, int Columns>() {
        ++called;
        CHECK(Rows == rows);
        CHECK(Columns == columns);
      });
      CHECK(called == 1);
    }
}

TEST_CASE("tile groups: groups of one kind each, equally long, in parts that hold them all") {
  constexpr std::size_t most_in_group = simd::tile_rows;
  winograd::tile_groups all;
  CHECK(all.size() == 0);
  for_each_part(all, 5, [](winograd::tile_part const&, winograd::tile_part const&) { CHECK(false); });
  struct run {
    winograd::tile_kind kind;
    std::size_t tile, tiles;
  };
  std::vector<run> const runs = {{{6, 2}, 3, 5}, {{}, 100, 10 * most_in_group + 1}, {{2, 6}, 1000, 0}, {{4, 4}, 2000, 1}};
  for (auto const& r : runs) all.add(r.kind, r.tile, r.tiles);
  CHECK(all.tiles() == 5 + 10 * most_in_group + 1 + 1);
  CHECK(all.size() == (5 + most_in_group - 1) / most_in_group + 11 + 1);

  for (std::size_t most : {std::size_t{1}, std::size_t{3}, most_in_group, 2 * most_in_group, 3 * most_in_group + 1, std::size_t{1000}}) {
    CAPTURE(most);
    std::size_t group = 0, place = 0, parts = 0;
    auto in = runs.begin();
    std::size_t in_run = 0;
    winograd::tile_part promised{&all, 0, 0, 0, 0};
    for_each_part(all, most, [&](winograd::tile_part const& part, winograd::tile_part const& next) {
      ++parts;
      CHECK(part.first == group);
      CHECK(part.begin == place);
      CHECK(part.tiles() > 0);
      CHECK(part.tiles() < most + most_in_group);
      part.each([&](winograd::tile_groups::group const& g) {
        while (in_run == in->tiles) ++in, in_run = 0;
        CHECK(g.kind.rows == in->kind.rows);
        CHECK(g.kind.columns == in->kind.columns);
        CHECK(g.tile == in->tile + in_run);
        CHECK(g.place == place);
        CHECK(all.place_of(group) == place);
        std::size_t const groups = (in->tiles + most_in_group - 1) / most_in_group, rows = static_cast<std::size_t>(g.rows);
        CHECK(rows >= in->tiles / groups);
        CHECK(rows <= most_in_group);
        in_run += rows;
        place += rows;
        ++group;
      });
      CHECK(part.last == group);
      CHECK(part.end == place);
      if (promised.tiles() > 0) CHECK(promised.first == part.first);
      if (promised.tiles() > 0) CHECK(promised.last == part.last);
      CHECK(next.begin == place);
      CHECK((next.tiles() == 0 ? place == all.tiles() || most < most_in_group : next.end > place));
      promised = next;
    });
    CHECK(promised.tiles() == 0);
    CHECK(place == all.tiles());
    CHECK(group == all.size());
    CHECK(parts <= (all.tiles() + most - 1) / most);
  }
}

#endif
