#pragma once
// A block of tiles whose factors stay in cache, the unit of work of both ways to convolve:
//
//   1. windows of the block's tiles to factors    [64][groups][C / lanes][rows][lanes]
//   2. for each panel of outputs: 64 products of [tiles, C] x [C, panel], then the outputs with their epilogue
// Groups of up to tile_rows tiles are made equally long: no row of a register tile is padding. Each output's sums have one order, whatever
// the block, the threads, and the way: both lead to the same bits.
#include "frcnn/backend/cpu/register_tile.hpp"
#include "frcnn/backend/cpu/winograd/tiles.hpp"
#include "frcnn/backend/cpu/winograd/weights.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// A distance of at least `floats` at which the lines of a tile's factors fall into different sets of a cache: an odd number of lines beyond
// a page.
constexpr std::ptrdiff_t apart(std::size_t floats) {
  constexpr std::size_t page = 1024, line = 16;
  return static_cast<std::ptrdiff_t>((floats + page - 1) / page * page + 5 * line);
}

// Tiles [first, first + tiles) in equal groups, of which this is [group, group + count).
struct tile_groups {
  std::size_t first, tiles, groups, group;
  int count;

  static std::size_t of(std::size_t tiles) { return (tiles + simd::tile_rows - 1) / simd::tile_rows; }
  std::size_t begin(int g) const { return first + tiles * (group + static_cast<std::size_t>(g)) / groups; }
  int rows(int g) const { return static_cast<int>(begin(g + 1) - begin(g)); }
};
// f(part) for parts of at most `most` groups, equally long.
template <class F>
void for_each_block(std::size_t first, std::size_t tiles, std::size_t most, F f) {
  std::size_t const groups = tile_groups::of(tiles), blocks = (groups + most - 1) / most;
  for (std::size_t b = 0; b < blocks; ++b) {
    std::size_t const begin = groups * b / blocks, end = groups * (b + 1) / blocks;
    f(tile_groups{first, tiles, groups, begin, static_cast<int>(end - begin)});
  }
}

// Memory for the factors of a block of tiles, and what is done with them.
struct tile_block {
  float* factors;
  int channels;
  std::ptrdiff_t stride;  // between factors

  static std::ptrdiff_t stride_of(std::size_t groups, int channels) {
    return apart(groups * simd::tile_rows * static_cast<std::size_t>(channels));
  }
  std::ptrdiff_t group_stride() const { return static_cast<std::ptrdiff_t>(simd::tile_rows) * channels; }

  // Tiles [first, last) of the part; window_of(t): tile t's window.
  template <class Windows>
  void transform(tile_groups const& part, std::size_t first, std::size_t last, Windows window_of) const {
    window_reader reader(channels);
    int g = 0;
    for (std::size_t t = first; t < last; ++t) {
      while (t >= part.begin(g + 1)) ++g;
      std::ptrdiff_t const rows = part.rows(g), row = static_cast<std::ptrdiff_t>(t - part.begin(g));
      reader.before(t, last, window_of);
      window const w = window_of(t);
      bool const inside = w.inside();
      float* const to = factors + g * group_stride() + row * simd::lanes;
      for (int at = 0; at < channels; at += simd::lanes) transform_window(w, inside, at, to + at * rows, stride);
    }
  }

  // Products [first, last) with a panel of `vectors`, whose factors u lie u_stride apart, to sums[q * sum_stride] [tiles][vectors * lanes].
  void multiply(tile_groups const& part, int first, int last, int vectors, float const* u, std::ptrdiff_t u_stride, float* sums,
                std::ptrdiff_t sum_stride) const {
    int const width = vectors * simd::lanes;
    for (int q = first; q < last; ++q, u += u_stride)
      for (int g = 0; g < part.count; ++g)
        simd::multiply_tile(part.rows(g), vectors, factors + q * stride + g * group_stride(), u, channels,
                            sums + q * sum_stride + static_cast<std::ptrdiff_t>(part.begin(g) - part.begin(0)) * width, width, false);
  }
};

// The sums of the panel of outputs from k to their places: target_of(t) is tile t's.
template <class Targets>
void finish_panel(tile_groups const& part, int k, int vectors, float const* sums, std::ptrdiff_t sum_stride, epilogue const& e,
                  Targets target_of) {
  for (std::size_t t = part.begin(0); t < part.begin(part.count); ++t) {
    block_target const to = target_of(t);
    for (int v = 0; v < vectors; ++v, sums += simd::lanes) finish_block(sums, sum_stride, e, to, k + v * simd::lanes);
  }
}

}  // namespace frcnn::winograd

#endif
