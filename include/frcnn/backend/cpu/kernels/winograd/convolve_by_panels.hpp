#pragma once
// Winograd by panels of output channels, from weights that are not transformed yet: the workers share the transformed inputs of a block of
// tiles, and each transforms the weights of its own panels just before it multiplies. Transformed weights of 512 x 512 channels are 67 MB,
// which would have to be kept to save 5 % of the time, or written anew in every step of a training.
#include "frcnn/backend/cpu/kernels/winograd/block.hpp"
#include "frcnn/backend/cpu/kernels/winograd/map_tiles.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

// Whether a layer goes this way. Where its weights are not kept it does too on maps of so few tiles that making all factors would be more
// work than multiplying them.
constexpr bool goes_by_panels(int channels, int out_channels) { return channels * out_channels >= 256 * 512; }
constexpr bool has_few_tiles(shape<4> map, int out_channels) { return tiles_of(map) < out_channels; }
// The same where they could be kept: from 96 tiles on making factors is at most a tenth of the work, which is less than their memory is
// worth (17 MB of 256 x 256 channels). Tiles of one image: a batch goes as each of its images alone.
constexpr bool has_tiles_for_panels(shape<4> map, int out_channels) {
  int const tiles = tiles_of({{1, map[1], map[2], map[3]}});
  return tiles >= 96 && tiles < out_channels;
}

// x [N, H, W, channels] to y [N, H, W, out_channels], as convolve does.
inline void convolve_by_panels(cpu::context& c, weights_view w, epilogue const& e, float const* x, shape<4> dims, float* y) {
  // Factors of so many tiles stay in the shared cache while all panels pass by (15 MiB; from 24 on the products wait for them).
  std::size_t const room_for = (std::size_t{15} << 20) / 4;
  map_tiles const tiles(x, dims, w.channels, y, w.out_channels, e);
  tile_groups const all = tiles.all();
  std::size_t const panels = panels_of(w.out_channels);
  std::size_t const most = std::clamp<std::size_t>(room_for / (products * static_cast<std::size_t>(w.channels)), simd::tile_rows,
                                                   std::max<std::size_t>(tiles.size(), simd::tile_rows));
  cpu::context::frame const scope(c);
  std::ptrdiff_t const stride = tile_block::stride_of(most, w.channels), sum_stride = tile_block::stride_of(most, simd::panel);
  // Written with non-temporal stores: a plain store would first fetch its line, from the L2 of whichever worker has read it.
  tile_block const block{c.scratch_of<float>(products * static_cast<std::size_t>(stride)), w.channels, stride, simd::stores_whole_lines};
  // A worker's: sums, one row of factors, taps side by side.
  std::ptrdiff_t const u_stride = apart(static_cast<std::size_t>(w.channels) * simd::panel);
  std::ptrdiff_t const sums_size = products * sum_stride, row_size = inputs * u_stride;
  std::size_t const room = static_cast<std::size_t>(sums_size + row_size) +
                           static_cast<std::size_t>(taps * taps * simd::panel) * static_cast<std::size_t>(w.channels);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, panels, 1)));

  for_each_part(all, most, [&](tile_part const& part, tile_part const&) {
    parallel_for(c, part.tiles(), 1, [&](std::size_t begin, std::size_t end) {
      block.transform(part, part.begin + begin, part.begin + end, [&](std::size_t t) { return tiles.window_of(t); });
    });
    parallel_for(c, panels, 1, [&](int worker, std::size_t begin, std::size_t end) {
      float* const sums = memory + room * static_cast<std::size_t>(worker);
      lines_ahead nothing;
      float *const row = sums + sums_size, *const side_by_side = row + row_size;
      for (std::size_t p = begin; p < end; ++p) {
        int const k = static_cast<int>(p) * simd::panel, vectors = panel_vectors(k, w.out_channels);
        w.taps_of(0, w.channels, k, side_by_side);
        simd::unroll<inputs>([&](auto i) {
          factor_row<i>(side_by_side, w.channels, vectors * simd::lanes, row, u_stride);
          block.multiply(part, i * inputs, (i + 1) * inputs, vectors, row, u_stride, sums, sum_stride, nothing);
        });
        finish_panel(part, k, vectors, sums, sum_stride, e, [&](std::size_t t) { return tiles.target_of(t); });
      }
      tiles.written();
    });
  });
}

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
