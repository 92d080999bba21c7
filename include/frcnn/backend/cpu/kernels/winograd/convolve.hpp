#pragma once
// Winograd by tiles: 3 x 3 convolution with stride 1 and padding 1 by F(6x6, 3x3). A worker does both steps of a block (block.hpp) for its
// own tiles, and reads all weights, transformed beforehand, once for each block. Threads synchronise only at the end.
#include "frcnn/backend/cpu/kernels/winograd/block.hpp"
#include "frcnn/backend/cpu/kernels/winograd/map_tiles.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

struct layer {
  int channels, out_channels;
  float const* factors;  // weights.hpp
  epilogue finish;
};

// One worker's memory for a layer of `channels`.
class workspace {
 public:
  static std::size_t size(int channels) {  // floats
    return products * static_cast<std::size_t>(tile_block::stride_of(tiles_of_block, channels) + sum_stride);
  }
  workspace(float* memory, int channels)
      : block_{memory, channels, tile_block::stride_of(tiles_of_block, channels)}, sums_(memory + products * block_.stride) {}

  // window_of(t) gives tile t's window, target_of(t) its block_target.
  template <class Windows, class Targets>
  void run(layer const& l, tile_groups const& tiles, Windows window_of, Targets target_of) {
    for_each_part(tiles, tiles_of_block, [&](tile_part const& part, tile_part const& next) {
      block_.transform(part, part.begin, part.end, window_of);
      lines_ahead ahead = first_windows(next, static_cast<int>(panels_of(l.out_channels) * (part.last - part.first)) * products, window_of);
      for (int k = 0; k < l.out_channels; k += simd::panel) {
        int const vectors = panel_vectors(k, l.out_channels);
        block_.multiply(part, 0, products, vectors, l.factors + winograd::factors(l.channels, k),
                        static_cast<std::ptrdiff_t>(l.channels) * vectors * simd::lanes, sums_, sum_stride, ahead);
        finish_panel(part, k, vectors, sums_, sum_stride, l.finish, target_of);
      }
    });
  }

 private:
  // One group on AVX-512. Factors of more tiles leave L2 before all panels have passed by.
  static constexpr std::size_t tiles_of_block = 14;
  static constexpr std::ptrdiff_t sum_stride = tile_block::stride_of(tiles_of_block, simd::panel);

  // Those of its first group, as far as they lie side by side.
  template <class Windows>
  lines_ahead first_windows(tile_part const& part, int calls, Windows window_of) const {
    lines_ahead ahead;
    part.each([&](tile_groups::group const& g) {
      if (g.place == part.begin)
        ahead = {window_run(g.tile, g.tile + static_cast<std::size_t>(g.rows), window_of), calls, simd::lines_fetched(block_.channels)};
    });
    return ahead;
  }

  tile_block block_;
  float* sums_;
};

// x [N, H, W, C] to y [N, H, W, O] (what it holds is added where the epilogue says so), or [N, H/2, W/2, O] with pooling.
inline void convolve(cpu::context& c, layer const& l, float const* x, shape<4> dims, float* y) {
  map_tiles const tiles(x, dims, l.channels, y, l.out_channels, l.finish);
  cpu::context::frame const scope(c);
  std::size_t const room = workspace::size(l.channels);
  // Parts of several blocks, so that windows are mostly fetched ahead; and several for a thread.
  std::size_t const threads = static_cast<std::size_t>(c.threads()), parts = std::clamp(tiles.size() / 64, threads, 8 * threads);
  std::size_t const whole = parts > threads ? simd::tile_rows : 1;  // few tiles are shared out evenly
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, parts, 1)));
  parallel_for(c, parts, 1, [=, &tiles](int worker, std::size_t first, std::size_t last) {
    workspace(memory + room * static_cast<std::size_t>(worker), l.channels)
        .run(
            l, tiles.share(first, last, parts, whole), [&](std::size_t t) { return tiles.window_of(t); },
            [&](std::size_t t) { return tiles.target_of(t); });
    tiles.written();
  });
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
