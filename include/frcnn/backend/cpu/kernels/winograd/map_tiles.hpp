#pragma once
// Winograd: positions of the tiles of whole maps: the windows that are read, and the blocks of outputs that are written.
#include "frcnn/backend/cpu/kernels/winograd/tiles.hpp"
#include "frcnn/core/shape.hpp"

#include <utility>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

constexpr int tiles_of(shape<4> map) { return map[0] * tiles_along(map[2]) * tiles_along(map[3]); }

// Tiles of maps x [N, H, W, C] and y [N, H, W, O], pooled [N, H/2, W/2, O]: kind after kind, in each one image after the other. Kinds are
// in such an order that the tiles that need a product lie side by side: at the ends of rows, inside, in the last row, at its end.
class map_tiles {
 public:
  map_tiles(float const* x, shape<4> dims, int channels, float* y, int out_channels, epilogue const& e)
      : x_(x),
        y_(y),
        height_(dims[2]),
        width_(dims[3]),
        channels_(channels),
        out_channels_(out_channels),
        pooled_(e.pool),
        images_(static_cast<std::size_t>(dims[0])) {
    int const rows = whole_tiles(height_), columns = whole_tiles(width_), last_row = last_tile(height_), last_column = last_tile(width_);
    int const below = last_row > 0, behind = last_column > 0;
    kinds_[0] = {{outputs, last_column}, 0, columns, rows, behind};
    kinds_[1] = {{outputs, outputs}, 0, 0, rows, columns};
    kinds_[2] = {{last_row, outputs}, rows, 0, below, columns};
    kinds_[3] = {{last_row, last_column}, rows, columns, below, behind};
    for (auto& k : kinds_) {
      k.begin = size_;
      size_ += images_ * k.per_image();
    }
    std::size_t const pixels = images_ * static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_) / (e.pool ? 4 : 1);
    past_cache_ = !e.add && simd::goes_past_cache(y, pixels * static_cast<std::size_t>(out_channels));
  }

  std::size_t size() const { return size_; }
  tile_groups all() const { return share(0, 1, 1, 1); }
  // Parts [first, last) of `parts`. Each kind is cut at multiples of `whole` tiles.
  tile_groups share(std::size_t first, std::size_t last, std::size_t parts, std::size_t whole) const {
    tile_groups some;
    for (auto const& k : kinds_) {
      std::size_t const tiles = images_ * k.per_image();
      auto const cut = [&](std::size_t part) { return part == parts ? tiles : tiles * part / parts / whole * whole; };
      some.add(k.kind, k.begin + cut(first), cut(last) - cut(first));
    }
    return some;
  }
  // Which tiles need a product: [first, second).
  std::pair<std::size_t, std::size_t> which_need(int product) const {
    auto const needs = [&](kind const& k) { return k.kind.needs(product); };
    auto const *first = kinds_, *last = kinds_ + 4;
    while (!needs(*first)) ++first;
    while (!needs(last[-1])) --last;
    return {first->begin, last == kinds_ + 4 ? size_ : last->begin};
  }

  window window_of(std::size_t t) const {
    auto const [kind, image, i, j] = place(t);
    window w{{}, j * outputs - 1, width_, channels_, kind};
    float const* const map = x_ + static_cast<std::ptrdiff_t>(image) * height_ * width_ * channels_;
    for (int r = 0; r < inputs; ++r) {
      int const y = i * outputs - 1 + r;
      w.row[r] = y >= 0 && y < height_ ? map + static_cast<std::ptrdiff_t>(y) * width_ * channels_ : nullptr;
    }
    return w;
  }
  block_target target_of(std::size_t t) const {
    auto const [kind, image, i, j] = place(t);
    int const side = pooled_ ? outputs / 2 : outputs, height = pooled_ ? height_ / 2 : height_, width = pooled_ ? width_ / 2 : width_;
    block_target to{{}, std::min(side, height - i * side), j * side, std::min(side, width - j * side), out_channels_, past_cache_, kind};
    float* const map = y_ + static_cast<std::ptrdiff_t>(image) * height * width * out_channels_;
    for (int r = 0; r < to.rows; ++r) to.row[r] = map + static_cast<std::ptrdiff_t>(i * side + r) * width * out_channels_;
    return to;
  }
  // Who has written tiles calls it before others read them.
  void written() const {
    if (past_cache_) simd::stream_done();
  }

 private:
  struct kind {
    tile_kind kind;
    int y, x, rows, columns;  // the first, and how many of them, in tiles
    std::size_t begin = 0;
    std::size_t per_image() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); }
  };
  struct at {
    tile_kind kind;
    int image, i, j;
  };
  at place(std::size_t t) const {
    int k = 3;
    while (t < kinds_[k].begin) --k;
    kind const& in = kinds_[k];
    unsigned const n = static_cast<unsigned>(t - in.begin), per_image = static_cast<unsigned>(in.per_image()), in_image = n % per_image;
    unsigned const columns = static_cast<unsigned>(in.columns);
    return {in.kind, static_cast<int>(n / per_image), in.y + static_cast<int>(in_image / columns),
            in.x + static_cast<int>(in_image % columns)};
  }

  float const* x_;
  float* y_;
  int height_, width_, channels_, out_channels_;
  bool pooled_, past_cache_ = false;
  std::size_t images_, size_ = 0;
  kind kinds_[4];
};

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
