#pragma once
// Where the tiles of whole maps lie: the windows that are read, and the blocks of outputs that are written.
#include "frcnn/backend/cpu/winograd/tiles.hpp"
#include "frcnn/core/shape.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

constexpr int tiles_along(int extent) { return (extent + outputs - 1) / outputs; }
constexpr int tiles_of(shape<4> map) { return map[0] * tiles_along(map[2]) * tiles_along(map[3]); }

// Tiles of maps x [N, H, W, C] and y [N, H, W, O], pooled [N, H/2, W/2, O], one image after the other.
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
        tiles_x_(tiles_along(width_)),
        per_image_(tiles_of({{1, channels, height_, width_}})),
        images_(dims[0]) {
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

}  // namespace frcnn::winograd

#endif
