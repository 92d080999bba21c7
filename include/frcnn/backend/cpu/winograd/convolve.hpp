#pragma once
// 3 x 3 convolution with stride 1 and padding 1 by F(6x6, 3x3), in blocks of tiles whose transforms stay in cache:
//
//   1. windows of the block's tiles to factors    [64][groups][C / lanes][rows][lanes]
//   2. for each panel of outputs: 64 products of [tiles, C] x [C, panel], then the block of outputs with its epilogue
// Groups of up to tile_rows tiles are made equally long: no row of a register tile is padding. Each output's sums have one order, whatever
// the threads, and whichever of the two ways leads to it:
//
//   convolve            by tiles, from weights that are factors already: a worker does both steps for its own tiles, and all factors pass by
//                       for each block. Threads meet only at the end.
//   convolve_by_panels  by panels of outputs, from the weights themselves: the workers share the block's factors, and each transforms the
//                       weights of its own panels where it multiplies. Factors of 512 x 512 weights are 67 MB, which would have to be
//                       kept, and come from memory slower than they are made.
#include "frcnn/backend/cpu/register_tile.hpp"
#include "frcnn/backend/cpu/winograd/tiles.hpp"
#include "frcnn/backend/cpu/winograd/weights.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// Channels of both sides are whole vectors.
constexpr bool serves(int channels, int out_channels) { return channels % simd::lanes == 0 && out_channels % simd::lanes == 0; }
// Which way a layer goes.
constexpr bool goes_by_panels(int channels, int out_channels) { return channels * out_channels >= 256 * 512; }

constexpr int tiles_along(int extent) { return (extent + outputs - 1) / outputs; }

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

  static std::ptrdiff_t stride_of(std::size_t groups, int channels) { return apart(groups * simd::tile_rows * static_cast<std::size_t>(channels)); }
  std::ptrdiff_t group_stride() const { return static_cast<std::ptrdiff_t>(simd::tile_rows) * channels; }

  // window_of(t): tile t's window.
  template <class Windows>
  void transform(tile_groups const& part, int g, Windows window_of) const {
    std::size_t const begin = part.begin(g), end = part.begin(g + 1);
    std::ptrdiff_t const rows = part.rows(g);
    window_reader reader(channels);
    for (std::size_t t = begin; t < end; ++t) {
      reader.before(t, end, window_of);
      window const w = window_of(t);
      bool const inside = w.inside();
      float* const to = factors + g * group_stride() + static_cast<std::ptrdiff_t>(t - begin) * simd::lanes;
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
void finish_panel(tile_groups const& part, int k, int vectors, float const* sums, std::ptrdiff_t sum_stride, epilogue const& e, Targets target_of) {
  for (std::size_t t = part.begin(0); t < part.begin(part.count); ++t) {
    block_target const to = target_of(t);
    for (int v = 0; v < vectors; ++v, sums += simd::lanes) finish_block(sums, sum_stride, e, to, k + v * simd::lanes);
  }
}

// A layer that goes by tiles.
struct layer {
  int channels, out_channels;
  float const* factors;  // weights.hpp
  epilogue finish;
};

// One worker's memory for it.
class workspace {
 public:
  static std::size_t block_groups(int channels) { return static_cast<std::size_t>(std::clamp(channels / 128, 1, 2)); }
  static std::size_t size(int channels) {  // floats
    return products * static_cast<std::size_t>(tile_block::stride_of(block_groups(channels), channels) + sum_stride(channels));
  }
  workspace(float* memory, int channels)
      : block_{memory, channels, tile_block::stride_of(block_groups(channels), channels)}, sums_(memory + products * block_.stride) {}

  // Tiles [first, last): window_of(t) gives a window, target_of(t) a block_target.
  template <class Windows, class Targets>
  void run(layer const& l, std::size_t first, std::size_t last, Windows window_of, Targets target_of) {
    for_each_block(first, last - first, block_groups(l.channels), [&](tile_groups const& part) {
      for (int g = 0; g < part.count; ++g) block_.transform(part, g, window_of);
      for (int k = 0; k < l.out_channels; k += simd::panel) {
        int const vectors = panel_vectors(k, l.out_channels);
        block_.multiply(part, 0, products, vectors, l.factors + winograd::factors(l.channels, k), static_cast<std::ptrdiff_t>(l.channels) * vectors * simd::lanes,
                        sums_, sum_stride(l.channels));
        finish_panel(part, k, vectors, sums_, sum_stride(l.channels), l.finish, target_of);
      }
    });
  }

 private:
  static std::ptrdiff_t sum_stride(int channels) { return tile_block::stride_of(block_groups(channels), simd::panel); }

  tile_block block_;
  float* sums_;
};

// Tiles of maps x [N, H, W, C] and y [N, H, W, O], pooled [N, H/2, W/2, O], one image after the other.
class map_tiles {
 public:
  map_tiles(float const* x, shape<4> dims, int channels, float* y, int out_channels, epilogue const& e)
      : x_(x), y_(y), height_(dims[2]), width_(dims[3]), channels_(channels), out_channels_(out_channels), pooled_(e.pool),
        tiles_x_(tiles_along(width_)), per_image_(tiles_along(height_) * tiles_x_), images_(dims[0]) {
    std::size_t const pixels = static_cast<std::size_t>(images_) * height_ * width_ / (e.pool ? 4 : 1);
    past_cache_ = !e.add && simd::goes_past_cache(y, pixels * static_cast<std::size_t>(out_channels));
  }

  std::size_t size() const { return static_cast<std::size_t>(images_) * static_cast<std::size_t>(per_image_); }

  window window_of(std::size_t t) const {
    auto const [image, i, j] = place(t);
    window w{{}, j * outputs - 1, width_, channels_};
    float const* const map = x_ + static_cast<std::ptrdiff_t>(image) * height_ * width_ * channels_;
    for (int r = 0; r < inputs; ++r) {
      int const y = i * outputs - 1 + r;
      w.row[r] = y >= 0 && y < height_ ? map + static_cast<std::ptrdiff_t>(y) * width_ * channels_ : nullptr;
    }
    return w;
  }
  block_target target_of(std::size_t t) const {
    auto const [image, i, j] = place(t);
    int const side = pooled_ ? outputs / 2 : outputs, height = pooled_ ? height_ / 2 : height_, width = pooled_ ? width_ / 2 : width_;
    block_target to{{}, std::min(side, height - i * side), j * side, std::min(side, width - j * side), out_channels_, past_cache_};
    float* const map = y_ + static_cast<std::ptrdiff_t>(image) * height * width * out_channels_;
    for (int r = 0; r < to.rows; ++r) to.row[r] = map + static_cast<std::ptrdiff_t>(i * side + r) * width * out_channels_;
    return to;
  }
  // Who has written tiles calls it before others read them.
  void written() const {
    if (past_cache_) simd::stream_done();
  }

 private:
  struct at {
    int image, i, j;
  };
  at place(std::size_t t) const {
    int const in_image = static_cast<int>(t % static_cast<std::size_t>(per_image_));
    return {static_cast<int>(t / static_cast<std::size_t>(per_image_)), in_image / tiles_x_, in_image % tiles_x_};
  }

  float const* x_;
  float* y_;
  int height_, width_, channels_, out_channels_;
  bool pooled_, past_cache_ = false;
  int tiles_x_, per_image_, images_;
};

// x [N, H, W, C] to y [N, H, W, O] (what it holds is added where the epilogue says so), or [N, H/2, W/2, O] with pooling.
inline void convolve(cpu::context& c, layer const& l, float const* x, shape<4> dims, float* y) {
  map_tiles const tiles(x, dims, l.channels, y, l.out_channels, l.finish);
  cpu::context::frame const scope(c);
  std::size_t const room = workspace::size(l.channels);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, tiles.size(), 8)));
  parallel_for(c, tiles.size(), 8, [=, &tiles](int worker, std::size_t begin, std::size_t end) {
    workspace(memory + room * static_cast<std::size_t>(worker), l.channels)
        .run(l, begin, end, [&](std::size_t t) { return tiles.window_of(t); }, [&](std::size_t t) { return tiles.target_of(t); });
    tiles.written();
  });
}

inline void convolve_by_panels(cpu::context& c, weights_view w, epilogue const& e, float const* x, shape<4> dims, float* y) {
  // Factors of so many tiles stay in the shared cache while all panels pass by (8 MiB; with twice as many the products wait for them).
  std::size_t const room_for = (std::size_t{9} << 20) / 4;
  map_tiles const tiles(x, dims, w.channels, y, w.out_channels, e);
  std::size_t const panels = panels_of(w.out_channels), groups = tile_groups::of(tiles.size());
  std::size_t const most = std::clamp<std::size_t>(room_for / (products * simd::tile_rows * static_cast<std::size_t>(w.channels)), 1, std::max<std::size_t>(groups, 1));
  cpu::context::frame const scope(c);
  std::ptrdiff_t const stride = tile_block::stride_of(most, w.channels), sum_stride = tile_block::stride_of(most, simd::panel);
  tile_block const block{c.scratch_of<float>(products * static_cast<std::size_t>(stride)), w.channels, stride};
  // A worker's: sums, one row of factors, taps side by side.
  std::ptrdiff_t const u_stride = apart(static_cast<std::size_t>(w.channels) * simd::panel);
  std::ptrdiff_t const sums_size = products * sum_stride, row_size = inputs * u_stride;
  std::size_t const room = static_cast<std::size_t>(sums_size + row_size) + static_cast<std::size_t>(taps * taps * simd::panel) * static_cast<std::size_t>(w.channels);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(workers_for(c, panels, 1)));

  for_each_block(0, tiles.size(), most, [&](tile_groups const& part) {
    parallel_for(c, static_cast<std::size_t>(part.count), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t g = begin; g < end; ++g) block.transform(part, static_cast<int>(g), [&](std::size_t t) { return tiles.window_of(t); });
    });
    parallel_for(c, panels, 1, [&](int worker, std::size_t begin, std::size_t end) {
      float* const sums = memory + room * static_cast<std::size_t>(worker);
      float *const row = sums + sums_size, *const side_by_side = row + row_size;
      for (std::size_t p = begin; p < end; ++p) {
        int const k = static_cast<int>(p) * simd::panel, vectors = panel_vectors(k, w.out_channels);
        w.taps_of(0, w.channels, k, side_by_side);
        simd::unroll<inputs>([&](auto i) {
          factor_row<i>(side_by_side, w.channels, vectors * simd::lanes, row, u_stride);
          block.multiply(part, i * inputs, (i + 1) * inputs, vectors, row, u_stride, sums, sum_stride);
        });
        finish_panel(part, k, vectors, sums, sum_stride, e, [&](std::size_t t) { return tiles.target_of(t); });
      }
      tiles.written();
    });
  });
}

}  // namespace frcnn::winograd

#endif
