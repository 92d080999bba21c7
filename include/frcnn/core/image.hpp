#pragma once
// Images on the host: 1 to 16 channels of 8 or 16 bits, interleaved; views of a caller's pixels, and images that own theirs.
//
// check(view) throws a frcnn::error for a view that is no image. Whatever is given a view by a user checks it, once, before it reads. An
// image becomes a view where its pixels are as many as its size says, so check(image) asks for both.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/pixels.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class pixel_format : std::uint8_t { rgb, bgr, grey, multichannel };

// Somebody's pixels, row by row. row_stride is in bytes: 0 where rows follow each other without a gap, negative where data is the top row
// and the others lie before it. Channels of 16 bits are std::uint16_t in the machine's order of bytes, at even addresses.
//
// Example: a satellite's eight channels of 16 bits: {.data = reinterpret_cast<std::uint8_t const*>(samples), .width = 512, .height = 512,
//          .format = pixel_format::multichannel, .bits = 16, .channel_count = 8}
struct image_view {
  std::uint8_t const* data = nullptr;
  int width = 0, height = 0;
  pixel_format format = pixel_format::rgb;
  std::ptrdiff_t row_stride = 0;
  int bits = 8;           // of a channel: 8 or 16
  int channel_count = 0;  // where the format is multichannel: 1 to 16

  FRCNN_PER_BUILD int channels() const {
    return format == pixel_format::multichannel ? channel_count : format == pixel_format::grey ? 1 : 3;
  }
  FRCNN_PER_BUILD int pixel_bytes() const { return channels() * (bits / 8); }
  FRCNN_PER_BUILD std::ptrdiff_t stride() const { return row_stride ? row_stride : std::ptrdiff_t{width} * pixel_bytes(); }
  FRCNN_PER_BUILD std::uint8_t const* row(int y) const { return data + y * stride(); }
};

// Of interleaved pixels; three channels are RGB.
FRCNN_PER_BUILD constexpr pixel_format format_of(int channels) {
  return channels == 3 ? pixel_format::rgb : channels == 1 ? pixel_format::grey : pixel_format::multichannel;
}

FRCNN_PER_BUILD inline void check_pixel_layout(int channels, int bits) {
  if (channels < 1 || channels > most_channels)
    throw error("image", "1 to " + std::to_string(most_channels) + " channels", std::to_string(channels));
  if (bits != 8 && bits != 16) throw error("image", "channels of 8 or 16 bits", std::to_string(bits) + " bits");
}

// Owned pixels, [height, width, channels], no gaps between rows: RGB of 8 bits unless it is made otherwise.
struct image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // bytes
  int channels = 3, bits = 8;

  image() = default;
  FRCNN_PER_BUILD image(int w, int h, int channels = 3, int bits = 8) : width(w), height(h), channels(channels), bits(bits) {
    check_pixel_layout(channels, bits);
    pixels.resize(checked::elements(shape<3>{{h, w, pixel_bytes()}}));
  }

  FRCNN_PER_BUILD int pixel_bytes() const { return channels * (bits / 8); }
  // The first channel of a pixel.
  FRCNN_PER_BUILD std::uint8_t* at(int x, int y) { return pixels.data() + place(x, y); }
  FRCNN_PER_BUILD std::uint8_t const* at(int x, int y) const { return pixels.data() + place(x, y); }
  // Of an image of 16 bits.
  FRCNN_PER_BUILD std::uint16_t* at_16(int x, int y) { return reinterpret_cast<std::uint16_t*>(at(x, y)); }
  FRCNN_PER_BUILD std::uint16_t const* at_16(int x, int y) const { return reinterpret_cast<std::uint16_t const*>(at(x, y)); }
  // Throws error where the pixels are not as many as the size says: a view could not tell any more.
  FRCNN_PER_BUILD operator image_view() const {
    check_size();
    return {pixels.data(), width, height, format_of(channels), 0, bits, channels};
  }
  FRCNN_PER_BUILD void check_size() const {
    check_pixel_layout(channels, bits);
    if (width > 0 && height > 0 && pixels.size() != checked::elements(shape<3>{{height, width, pixel_bytes()}}))
      throw error("image",
                  std::to_string(width) + " x " + std::to_string(height) + " pixels of " + std::to_string(pixel_bytes()) +
                      (pixel_bytes() == 1 ? " byte" : " bytes"),
                  std::to_string(pixels.size()) + " bytes");
  }

 private:
  FRCNN_PER_BUILD std::size_t place(int x, int y) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
           static_cast<std::size_t>(pixel_bytes());
  }
};

FRCNN_PER_BUILD inline void check(image_view const& v) {
  auto const text = [](std::ptrdiff_t n) { return std::to_string(n); };
  if (!v.data) throw error("image", "pixels", "none");
  if (v.width <= 0 || v.height <= 0) throw error("image", "pixels", "a size of " + text(v.width) + " x " + text(v.height));
  if (v.format != pixel_format::rgb && v.format != pixel_format::bgr && v.format != pixel_format::grey &&
      v.format != pixel_format::multichannel)
    throw error("image", "the pixel format rgb, bgr, grey or multichannel", "number " + text(static_cast<int>(v.format)));
  check_pixel_layout(v.channels(), v.bits);
  std::ptrdiff_t const row = std::ptrdiff_t{v.width} * v.pixel_bytes();
  if (v.row_stride != 0 && v.row_stride < row && v.row_stride > -row)
    throw error("image", "a row stride of 0, or at least the " + text(row) + " bytes of a row", text(v.row_stride));
  if (v.bits == 16 && (reinterpret_cast<std::uintptr_t>(v.data) % 2 != 0 || v.row_stride % 2 != 0))
    throw error("image", "pixels of 16 bits at even addresses", "rows that begin at odd ones");
}
// Whether something that reads so many channels can read the image: it has as many, or it is grey and they are three, which are then equal.
FRCNN_PER_BUILD inline bool has_channels(image_view const& v, int channels) {
  return v.channels() == channels || (v.channels() == 1 && channels == 3);
}
FRCNN_PER_BUILD inline void check_channels(image_view const& v, int channels) {
  if (!has_channels(v, channels))
    throw error("image", std::to_string(channels) + (channels == 1 ? " channel" : " channels") + ", which the model reads",
                std::to_string(v.channels()));
}
// For what draws on images and what writes them into files: an image, and one as programs have it.
FRCNN_PER_BUILD inline void check_rgb(image const& im) {
  check(image_view(im));
  if (im.channels != 3 || im.bits != 8)
    throw error("image", "RGB of 8 bits", std::to_string(im.channels) + " channels of " + std::to_string(im.bits) + " bits");
}

}  // namespace frcnn
FRCNN_HIDDEN_END
