#pragma once
// 3 x 3 convolution with stride 1 and padding 1 by F(6x6, 3x3) or F(4x4, 3x3), in blocks of tiles whose transforms stay in cache:
//
//   1. windows of up to `block_groups` x tile_rows tiles to factors    [products][groups][C / lanes][rows][lanes]
//   2. for each panel of outputs: `products` products of [tiles, C] x [C, panel], then the block of outputs with its epilogue
// A worker does both for its own tiles, so that threads meet only at the end. Groups of tiles are made equally long: no row of a register
// tile is padding. Each output's sums have one order whatever the threads.
#include "frcnn/backend/cpu/register_tile.hpp"
#include "frcnn/backend/cpu/winograd/tiles.hpp"
#include "frcnn/backend/cpu/winograd/weights.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// Channels of both sides are whole vectors.
constexpr bool serves(int channels, int out_channels) { return channels % simd::lanes == 0 && out_channels % simd::lanes == 0; }

struct layer {
  int channels, out_channels;
  float const* factors;  // weights.hpp
  epilogue finish;
};

constexpr int tiles_along(int extent, int outputs) { return (extent + outputs - 1) / outputs; }

// A distance of at least `floats` at which the lines of a tile's factors fall into different sets of a cache: an odd number of lines beyond
// a page.
constexpr std::ptrdiff_t apart(std::size_t floats) {
  constexpr std::size_t page = 1024, line = 16;
  return static_cast<std::ptrdiff_t>((floats + page - 1) / page * page + 5 * line);
}

// A map of so many bytes is not in a cache any more when the next layer reads it: it is written around it.
inline constexpr std::size_t past_cache = std::size_t{24} << 20;

// One worker's memory for blocks of tiles.
template <class Tile>
class workspace {
  static constexpr int products = Tile::products;

 public:
  static int block_groups(int channels) { return std::clamp(channels / 128, 1, Tile::outputs == 6 ? 2 : 4); }
  static std::size_t size(int channels) {  // floats
    std::size_t const tiles = static_cast<std::size_t>(block_groups(channels)) * simd::tile_rows;
    return products * static_cast<std::size_t>(apart(tiles * static_cast<std::size_t>(channels)) + apart(tiles * simd::panel));
  }
  workspace(float* memory, int channels)
      : groups_(block_groups(channels)),
        channels_(channels),
        factor_stride_(apart(static_cast<std::size_t>(groups_) * simd::tile_rows * channels)),
        sum_stride_(apart(static_cast<std::size_t>(groups_) * simd::tile_rows * simd::panel)),
        factors_(memory),
        sums_(memory + products * factor_stride_) {}

  // Tiles [first, last): window_of(t) gives a window<Tile>, target_of(t) a block_target<Tile>.
  template <class Windows, class Targets>
  void run(layer const& l, std::size_t first, std::size_t last, Windows window_of, Targets target_of) {
    std::size_t const groups = (last - first + simd::tile_rows - 1) / simd::tile_rows;
    std::size_t const blocks = (groups + groups_ - 1) / groups_;
    for (std::size_t b = 0; b < blocks; ++b) {
      std::size_t const g0 = groups * b / blocks, g1 = groups * (b + 1) / blocks;
      cut const part{first, last - first, groups, g0, static_cast<int>(g1 - g0)};
      transform(l, part, window_of);
      for (int k = 0; k < l.out_channels; k += simd::panel) multiply(l, part, k, target_of);
    }
  }

 private:
  // A block: groups g0 ... g0 + count of the run's `groups`.
  struct cut {
    std::size_t first, tiles, groups, g0;
    int count;
    std::size_t begin(int g) const { return first + tiles * (g0 + static_cast<std::size_t>(g)) / groups; }
  };
  std::ptrdiff_t group_stride() const { return static_cast<std::ptrdiff_t>(simd::tile_rows) * channels_; }

  template <class Windows>
  void transform(layer const& l, cut const& part, Windows window_of) {
    for (int g = 0; g < part.count; ++g) {
      std::size_t const begin = part.begin(g), end = part.begin(g + 1);
      std::ptrdiff_t const rows = static_cast<std::ptrdiff_t>(end - begin);
      for (std::size_t t = begin; t < end; ++t) {
        window<Tile> const w = window_of(t);
        bool const inside = w.inside();
        float* const to = factors_ + g * group_stride() + static_cast<std::ptrdiff_t>(t - begin) * simd::lanes;
        for (int at = 0; at < l.channels; at += simd::lanes) transform_window(w, inside, at, to + at * rows, factor_stride_);
      }
    }
  }

  template <class Targets>
  void multiply(layer const& l, cut const& part, int k, Targets target_of) {
    int const vectors = panel_vectors(k, l.out_channels), width = vectors * simd::lanes;
    float const* u = l.factors + winograd::factors<Tile>(l.channels, k);
    for (int q = 0; q < products; ++q, u += static_cast<std::ptrdiff_t>(l.channels) * width)
      for (int g = 0; g < part.count; ++g) {
        int const rows = static_cast<int>(part.begin(g + 1) - part.begin(g));
        simd::multiply_tile(rows, vectors, factors_ + q * factor_stride_ + g * group_stride(), u, l.channels,
                            sums_ + q * sum_stride_ + static_cast<std::ptrdiff_t>(part.begin(g) - part.begin(0)) * width, width, false);
      }
    for (std::size_t t = part.begin(0); t < part.begin(part.count); ++t) {
      block_target<Tile> const to = target_of(t);
      float const* const m = sums_ + static_cast<std::ptrdiff_t>(t - part.begin(0)) * width;
      for (int v = 0; v < vectors; ++v) finish_block(m + v * simd::lanes, sum_stride_, l.finish, to, k + v * simd::lanes);
    }
  }

  int groups_, channels_;
  std::ptrdiff_t factor_stride_, sum_stride_;
  float *factors_, *sums_;
};

// Tiles of whole maps [N, H, W, C].
template <class Tile>
struct map_windows {
  float const* data;
  int height, width, channels;

  window<Tile> operator()(int image, int tile_y, int tile_x) const {
    window<Tile> w{{}, tile_x * Tile::outputs - 1, width, channels};
    float const* const map = data + static_cast<std::ptrdiff_t>(image) * height * width * channels;
    for (int i = 0; i < Tile::inputs; ++i) {
      int const y = tile_y * Tile::outputs - 1 + i;
      w.row[i] = y >= 0 && y < height ? map + static_cast<std::ptrdiff_t>(y) * width * channels : nullptr;
    }
    return w;
  }
};
template <class Tile>
struct map_targets {
  float* data;
  int height, width, channels;  // of the map written; pooled: of the pooled map
  bool pooled = false, past_cache = false;

  block_target<Tile> operator()(int image, int tile_y, int tile_x) const {
    int const side = pooled ? Tile::outputs / 2 : Tile::outputs;
    block_target<Tile> to{{},        std::min(side, height - tile_y * side), tile_x * side, std::min(side, width - tile_x * side), channels,
                          past_cache};
    float* const map = data + static_cast<std::ptrdiff_t>(image) * height * width * channels;
    for (int i = 0; i < to.rows; ++i) to.row[i] = map + static_cast<std::ptrdiff_t>(tile_y * side + i) * width * channels;
    return to;
  }
};

// x [N, H, W, C] to y [N, H, W, O] (what it holds is added where the epilogue says so), or [N, H/2, W/2, O] with pooling; the layer's
// factors are those of this tile.
template <class Tile>
void convolve(cpu::context& c, layer const& l, float const* x, shape<4> dims, float* y) {
  int const height = dims[2], width = dims[3], tiles_x = tiles_along(width, Tile::outputs),
            per_image = tiles_along(height, Tile::outputs) * tiles_x;
  std::size_t const tiles = static_cast<std::size_t>(dims[0]) * per_image;
  bool const pool = l.finish.pool;
  std::size_t const written = static_cast<std::size_t>(dims[0]) * height * width * l.out_channels * sizeof(float);
  bool const around = !pool && !l.finish.add && written > past_cache && simd::is_aligned(y);
  map_windows<Tile> const windows{x, height, width, l.channels};
  map_targets<Tile> const targets{y, pool ? height / 2 : height, pool ? width / 2 : width, l.out_channels, pool, around};
  cpu::context::frame const scope(c);
  std::size_t const room = workspace<Tile>::size(l.channels);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, tiles, 8)));
  auto const place = [=](auto const& of) {
    return [=](std::size_t t) {
      int const image = static_cast<int>(t / per_image), in_image = static_cast<int>(t % per_image);
      return of(image, in_image / tiles_x, in_image % tiles_x);
    };
  };
  parallel_for(c, tiles, 8, [=](int worker, std::size_t begin, std::size_t end) {
    workspace<Tile>(memory + room * static_cast<std::size_t>(worker), l.channels).run(l, begin, end, place(windows), place(targets));
    if (around) simd::stream_done();
  });
}
inline void convolve(cpu::context& c, layer const& l, float const* x, shape<4> dims, float* y) {
  with_tile(outputs_for(l.channels, l.out_channels), [&]<class Tile>(Tile) { convolve<Tile>(c, l, x, dims, y); });
}

}  // namespace frcnn::winograd

#endif
