#pragma once
// 8-bit images on the host: what files hold, what drawing changes, what `detect` is given.
//
// check(view) throws a frcnn::error for a view that is no image. Whatever is given a view by a user checks it, once, before it reads.
#include "frcnn/core/checked.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class pixel_format : std::uint8_t { rgb, bgr, grey };

// Somebody's pixels, row by row. row_stride is in bytes: 0 where rows follow each other without a gap, negative where data is the top row
// and the others lie before it.
struct image_view {
  std::uint8_t const* data = nullptr;
  int width = 0, height = 0;
  pixel_format format = pixel_format::rgb;
  std::ptrdiff_t row_stride = 0;

  FRCNN_PER_BUILD int channels() const { return format == pixel_format::grey ? 1 : 3; }
  FRCNN_PER_BUILD std::ptrdiff_t stride() const { return row_stride ? row_stride : std::ptrdiff_t{width} * channels(); }
  FRCNN_PER_BUILD std::uint8_t const* row(int y) const { return data + y * stride(); }
};

// Owned RGB pixels, [height, width, 3], no gaps between rows.
struct image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;

  image() = default;
  FRCNN_PER_BUILD image(int w, int h) : width(w), height(h), pixels(checked::elements(shape<3>{{h, w, 3}})) {}

  FRCNN_PER_BUILD std::uint8_t* at(int x, int y) { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  FRCNN_PER_BUILD std::uint8_t const* at(int x, int y) const { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  FRCNN_PER_BUILD operator image_view() const { return {pixels.data(), width, height, pixel_format::rgb, 0}; }
};

FRCNN_PER_BUILD inline void check(image_view const& v) {
  auto const text = [](std::ptrdiff_t n) { return std::to_string(n); };
  if (!v.data) throw error("image", "pixels", "none");
  if (v.width <= 0 || v.height <= 0) throw error("image", "pixels", "a size of " + text(v.width) + " x " + text(v.height));
  if (v.format != pixel_format::rgb && v.format != pixel_format::bgr && v.format != pixel_format::grey)
    throw error("image", "the pixel format rgb, bgr or grey", "number " + text(static_cast<int>(v.format)));
  std::ptrdiff_t const row = std::ptrdiff_t{v.width} * v.channels();
  if (v.row_stride != 0 && v.row_stride < row && v.row_stride > -row)
    throw error("image", "a row stride of 0, or at least the " + text(row) + " bytes of a row", text(v.row_stride));
}
// Also that the pixels are as many as the size says.
FRCNN_PER_BUILD inline void check(image const& im) {
  if (im.width > 0 && im.height > 0 && im.pixels.size() != checked::elements(shape<3>{{im.height, im.width, 3}}))
    throw error("image", std::to_string(im.width) + " x " + std::to_string(im.height) + " pixels of 3 bytes",
                std::to_string(im.pixels.size()) + " bytes");
  check(image_view(im));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
