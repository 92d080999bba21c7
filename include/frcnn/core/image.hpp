#pragma once
// 8-bit images on the host: what files hold, what drawing changes, what `detect` is given.
#include "frcnn/config.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

enum class pixel_format : std::uint8_t { rgb, bgr, grey };

// Somebody's pixels, row by row. row_stride is in bytes (0: rows follow each other without a gap).
struct image_view {
  std::uint8_t const* data = nullptr;
  int width = 0, height = 0;
  pixel_format format = pixel_format::rgb;
  std::ptrdiff_t row_stride = 0;

  int channels() const { return format == pixel_format::grey ? 1 : 3; }
  std::ptrdiff_t stride() const { return row_stride ? row_stride : std::ptrdiff_t{width} * channels(); }
  std::uint8_t const* row(int y) const { return data + y * stride(); }
};

// Owned RGB pixels, [height, width, 3], no gaps between rows.
struct image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;

  image() = default;
  image(int w, int h) : width(w), height(h), pixels(static_cast<std::size_t>(w) * h * 3) {}

  std::uint8_t* at(int x, int y) { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  std::uint8_t const* at(int x, int y) const { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  operator image_view() const { return {pixels.data(), width, height, pixel_format::rgb, 0}; }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
