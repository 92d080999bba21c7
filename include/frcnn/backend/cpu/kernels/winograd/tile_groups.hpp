#pragma once
// Winograd: which tiles a map is cut into, and in which groups they are multiplied.
//
// Along each side there are tiles of 6 outputs, and a last one of 4 or 2 where no more are wanted: it needs fewer products
// (transforms.hpp). So there are up to four kinds of tiles: those inside, those that end a row, the last row, and its end.
//   37 x 50 outputs: 6 x 8 tiles of 6 x 6, 6 of 6 x 2, 8 of 2 x 6 and one of 2 x 2: 3,536 products for a pair of channels, not 4,032
#include "frcnn/backend/cpu/kernels/simd.hpp"
#include "frcnn/backend/cpu/kernels/winograd/transforms.hpp"

#include <algorithm>
#include <cstddef>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

// How `extent` outputs are cut.
constexpr int whole_tiles(int extent) { return (extent + 1) / outputs; }  // 5 remaining outputs take a whole tile
constexpr int last_tile(int extent) {                                     // outputs of the one behind them; 0: there is none
  int const left = extent - whole_tiles(extent) * outputs;
  return left > 0 ? (left + 1) / 2 * 2 : 0;
}
constexpr int outputs_of(int tile, int extent) { return tile < whole_tiles(extent) ? outputs : last_tile(extent); }
constexpr int tiles_along(int extent) { return (extent + outputs - 1) / outputs; }

struct tile_kind {
  int rows = outputs, columns = outputs;  // 6, 4 or 2 outputs

  constexpr bool needs(int product) const { return winograd::needs(rows, product / inputs) && winograd::needs(columns, product % inputs); }
  constexpr bool whole() const { return rows == outputs && columns == outputs; }
};

// f.template operator()<rows, columns>() of a kind.
template <class F>
[[gnu::always_inline]] inline void with_kind(tile_kind k, F const& f) {
  auto const with_rows = [&]<int Rows>() __attribute__((always_inline)) {
    if (k.columns == 6) f.template operator()<Rows, 6>();
    else if (k.columns == 4) f.template operator()<Rows, 4>();
    else f.template operator()<Rows, 2>();
  };
  if (k.rows == 6) with_rows.template operator()<6>();
  else if (k.rows == 4) with_rows.template operator()<4>();
  else with_rows.template operator()<2>();
}

// Runs of tiles of one kind, one behind the other, each in groups of up to tile_rows tiles, made equally long: no row of a register tile is
// padding.
class tile_groups {
 public:
  // Tiles [tile, tile + rows), which are places [place, place + rows) of all tiles here.
  struct group {
    tile_kind kind;
    std::size_t tile, place;
    int rows;
  };

  void add(tile_kind kind, std::size_t tile, std::size_t tiles) {
    if (tiles == 0) return;
    std::size_t const groups = (tiles + simd::tile_rows - 1) / simd::tile_rows;
    runs_[count_++] = {kind, tile, tiles_, groups_, groups, tiles / groups, tiles % groups};
    tiles_ += tiles;
    groups_ += groups;
  }
  std::size_t tiles() const { return tiles_; }
  std::size_t size() const { return groups_; }

  // f(group) for groups [first, last).
  template <class F>
  void each(std::size_t first, std::size_t last, F f) const {
    for (int r = 0; r < count_; ++r) {
      run const& in = runs_[r];
      std::size_t const stop = std::min(last, in.first_group + in.groups);
      for (std::size_t g = std::max(first, in.first_group); g < stop; ++g) f(in.at(g - in.first_group));
    }
  }
  // Where group g begins; behind the last, tiles().
  std::size_t place_of(std::size_t g) const {
    for (int r = 0; r < count_; ++r)
      if (g < runs_[r].first_group + runs_[r].groups) return runs_[r].at(g - runs_[r].first_group).place;
    return tiles_;
  }

 private:
  struct run {
    tile_kind kind;
    std::size_t tile, place, first_group, groups, length, longer;  // the first `longer` groups have a tile more

    group at(std::size_t g) const {
      std::size_t const begin = g * length + std::min(g, longer);
      return {kind, tile + begin, place + begin, static_cast<int>(length + (g < longer))};
    }
  };
  run runs_[4];
  int count_ = 0;
  std::size_t tiles_ = 0, groups_ = 0;
};

// Groups that are worked on together, as a block (block.hpp).
struct tile_part {
  tile_groups const* all;
  std::size_t first, last;  // groups
  std::size_t begin, end;   // places

  std::size_t tiles() const { return end - begin; }
  template <class F>
  void each(F f) const {
    all->each(first, last, f);
  }
};

// f(part, next) for parts of about `most` tiles, fewer than most + tile_rows; behind the last comes an empty one.
template <class F>
void for_each_part(tile_groups const& all, std::size_t most, F f) {
  std::size_t const parts = (all.tiles() + most - 1) / most;
  tile_part part{&all, 0, 0, 0, 0};
  for (std::size_t p = 1; p <= parts + 1; ++p) {
    tile_part next{&all, part.last, part.last, part.end, part.end};
    if (p <= parts)
      while (next.end < all.tiles() * p / parts) next.end = all.place_of(++next.last);
    if (part.tiles() > 0) f(part, next);
    part = next;
  }
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
