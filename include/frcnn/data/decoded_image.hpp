#pragma once
// Decoded pixels in the memory that the decoder got from malloc: [height, width, channels], no gaps between rows; three channels are RGB.
#include "frcnn/core/image.hpp"

#include <cstdlib>
#include <memory>
#include <new>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class decoded_image {
 public:
  // pixels: from malloc, owned from here on.
  decoded_image(std::uint8_t* pixels, int width, int height, int channels = 3, int bits = 8)
      : pixels_(pixels, &std::free), width_(width), height_(height), channels_(channels), bits_(bits) {}
  // Not initialised.
  decoded_image(int width, int height, int channels = 3, int bits = 8) : decoded_image(nullptr, width, height, channels, bits) {
    pixels_.reset(static_cast<std::uint8_t*>(std::malloc(size())));
    if (!pixels_) throw std::bad_alloc();
  }

  operator image_view() const { return {pixels_.get(), width_, height_, format_of(channels_), 0, bits_, channels_}; }
  std::uint8_t* data() { return pixels_.get(); }
  std::uint8_t const* data() const { return pixels_.get(); }
  std::size_t size() const {
    return static_cast<std::size_t>(pixel_bytes()) * static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  }
  int width() const { return width_; }
  int height() const { return height_; }
  int channels() const { return channels_; }
  int bits() const { return bits_; }
  int pixel_bytes() const { return channels_ * (bits_ / 8); }

 private:
  std::unique_ptr<std::uint8_t, void (*)(void*)> pixels_;
  int width_, height_, channels_, bits_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
