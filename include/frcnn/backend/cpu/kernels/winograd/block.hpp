#pragma once
// Winograd: a block of tiles whose transformed inputs (factors) stay in cache, the unit of work of convolution by tiles and by panels:
//
//   1. windows of the block's tiles to factors    [64][groups][C / lanes][rows][lanes]
//   2. for each panel of outputs: 64 products of [tiles, C] x [C, panel], then the outputs with their epilogue
// A product leaves out the groups that do not need it. Each output's sums have one order, whatever the block, the threads, and the way:
// both lead to the same bits.
#include "frcnn/backend/cpu/kernels/register_tile.hpp"
#include "frcnn/backend/cpu/kernels/winograd/tiles.hpp"
#include "frcnn/backend/cpu/kernels/winograd/weights.hpp"

#include <array>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

// A distance of at least `floats` at which the lines of a tile's factors fall into different sets of a cache: an odd number of lines beyond
// a page.
constexpr std::ptrdiff_t apart(std::size_t floats) {
  constexpr std::size_t page = 1024, line = 16;
  return static_cast<std::ptrdiff_t>((floats + page - 1) / page * page + 5 * line);
}

// Memory for the factors of a block of tiles, and what is done with them.
struct tile_block {
  float* factors;
  int channels;
  std::ptrdiff_t stride;    // between factors
  bool past_cache = false;  // factors are written with non-temporal stores

  // For parts of about `most` tiles.
  static constexpr std::ptrdiff_t stride_of(std::size_t most, int channels) {
    return apart((most + simd::tile_rows) * static_cast<std::size_t>(channels));
  }

  // The tiles at places [first, last); window_of(t): tile t's window.
  template <class Windows>
  void transform(tile_part const& part, std::size_t first, std::size_t last, Windows window_of) const {
    window_reader reader(channels);
    part.each([&](tile_groups::group const& g) {
      std::size_t const begin = std::max(first, g.place), end = std::min(last, g.place + static_cast<std::size_t>(g.rows));
      for (std::size_t place = begin; place < end; ++place) {
        std::size_t const row = place - g.place, t = g.tile + row;
        reader.before(t, g.tile + (last - g.place), window_of);
        window const w = window_of(t);
        bool const inside = w.inside();
        float* const to = group_of(part, g) + row * simd::lanes;
        for (int at = 0; at < channels; at += simd::lanes)
          transform_window(w, inside, at, {to + static_cast<std::ptrdiff_t>(at) * g.rows, stride, past_cache});
      }
    });
    if (past_cache) simd::stream_done();
  }

  // Products [first, last) with a panel of `vectors`, whose factors u lie u_stride apart, to sums[q * sum_stride] [tiles][vectors * lanes].
  // What lies ahead is fetched meanwhile; where nothing does, the next group's factors.
  void multiply(tile_part const& part, int first, int last, int vectors, float const* u, std::ptrdiff_t u_stride, float* sums,
                std::ptrdiff_t sum_stride, lines_ahead& ahead) const {
    int const width = vectors * simd::lanes;
    std::array<simd::tile_product, products> next;  // of groups as long as each other
    std::size_t count = 0;
    int rows = 0;
    auto const multiply_next = [&] {
      if (count > 0) simd::multiply_tiles(rows, vectors, {next.data(), count}, channels);
      count = 0;
    };
    for (int q = first; q < last; ++q, u += u_stride)
      part.each([&](tile_groups::group const& g) {
        if (!g.kind.needs(q)) return;
        if (g.rows != rows || count == next.size()) multiply_next();
        rows = g.rows;
        float const* const a = group_of(part, g) + q * stride;
        if (count > 0 && ahead.empty()) next[count - 1].ahead = {a, simd::lanes};
        next[count++] = {a, u, sums + q * sum_stride + static_cast<std::ptrdiff_t>(g.place - part.begin) * width, ahead.take()};
      });
    multiply_next();
  }

 private:
  float* group_of(tile_part const& part, tile_groups::group const& g) const {
    return factors + static_cast<std::ptrdiff_t>(g.place - part.begin) * channels;
  }
};

// The sums of the panel of outputs from k to their places: target_of(t) is tile t's.
template <class Targets>
void finish_panel(tile_part const& part, int k, int vectors, float const* sums, std::ptrdiff_t sum_stride, epilogue const& e,
                  Targets target_of) {
  part.each([&](tile_groups::group const& g) {
    for (int row = 0; row < g.rows; ++row) {
      block_target const to = target_of(g.tile + static_cast<std::size_t>(row));
      for (int v = 0; v < vectors; ++v, sums += simd::lanes) finish_block(sums, sum_stride, e, to, k + v * simd::lanes);
    }
  });
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
