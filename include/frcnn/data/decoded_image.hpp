#pragma once
// Decoded RGB pixels in the memory that the decoder got from malloc: [height, width, 3], no gaps between rows.
#include "frcnn/core/image.hpp"

#include <cstdlib>
#include <memory>
#include <new>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class decoded_image {
 public:
  // pixels: from malloc, owned from here on.
  decoded_image(std::uint8_t* pixels, int width, int height) : pixels_(pixels, &std::free), width_(width), height_(height) {}
  // Not initialised.
  decoded_image(int width, int height)
      : decoded_image(
            static_cast<std::uint8_t*>(std::malloc(std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height))),
            width, height) {
    if (!pixels_) throw std::bad_alloc();
  }

  operator image_view() const { return {pixels_.get(), width_, height_, pixel_format::rgb, 0}; }
  std::uint8_t* data() { return pixels_.get(); }
  std::uint8_t const* data() const { return pixels_.get(); }
  std::size_t size() const { return std::size_t{3} * static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_); }
  int width() const { return width_; }
  int height() const { return height_; }

 private:
  std::unique_ptr<std::uint8_t, void (*)(void*)> pixels_;
  int width_, height_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
