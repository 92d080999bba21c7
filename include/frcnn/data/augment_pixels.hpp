#pragma once
// The pixels of an image_change (data/augment.hpp): turning, cutting out, colours. Of images of 1 to 16 channels of 8 or 16 bits.
//
//   copy_changed(from, orientation, window, to)    from: the image resized and not turned; to: has the sides of the window
//   recolour(im, colour)                           in place
// All changes of colour are one affine map of a pixel v, rounded once (half up) and clamped to what its bits hold. m: the channels' means
//   brightness b, contrast c      v' = b (m + c (v - m))
//   saturation s, hue h           v'' = g + s R(2 pi h) (v' - g), g = the mean of the three channels of v', R a rotation round (1, 1, 1)
// A hue of 1/3 takes red to green; grey pixels have no hue, and stay. With other than three channels saturation and hue are 1 and 0.
// Source: Gonzalez and Woods, Digital Image Processing, the HSI model: hue is the angle round the line of greys.
#include "frcnn/core/image.hpp"
#include "frcnn/data/augment.hpp"
#include "frcnn/data/exif.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

inline void copy_changed(image const& from, int orientation, box<int> const& window, image& to) {
  auto const how = turning::of(orientation);
  FRCNN_ASSERT(to.width == window.width() && to.height == window.height() && to.pixel_bytes() == from.pixel_bytes());
  box<int> source = how.swaps ? box<int>{window.y1, window.x1, window.y2, window.x2} : window;  // in `from`
  if (how.from_right) source = {from.width - source.x2, source.y1, from.width - source.x1, source.y2};
  if (how.from_below) source = {source.x1, from.height - source.y2, source.x2, from.height - source.y1};
  if (orientation == 1 && source.width() == from.width) {
    std::copy_n(from.at(0, source.y1), to.pixels.size(), to.pixels.data());
    return;
  }
  auto const copy = [&](auto bytes) {  // of a pixel; a constant for RGB
    detail::turn(from.at(source.x1, source.y1), source.width(), source.height(), std::ptrdiff_t{from.width} * bytes, bytes, orientation,
                 to.pixels.data());
  };
  if (from.pixel_bytes() == 3) copy(std::integral_constant<int, 3>());
  else copy(from.pixel_bytes());
}

namespace detail {

// Of the first pixel's channels, then the second's: sums, exact in double.
template <class T>
std::array<double, most_channels> channel_means(T const* values, std::size_t pixels, int channels) {
  std::array<std::uint64_t, most_channels> sums{};
  for (std::size_t i = 0; i < pixels; ++i, values += channels)
    for (int c = 0; c < channels; ++c) sums[static_cast<std::size_t>(c)] += values[c];
  std::array<double, most_channels> means{};
  for (std::size_t c = 0; c < means.size(); ++c) means[c] = static_cast<double>(sums[c]) / static_cast<double>(pixels);
  return means;
}

template <class T>
T rounded(float v) {
  constexpr float most = std::numeric_limits<T>::max();
  return static_cast<T>(std::min(std::max(v + 0.5f, 0.0f), most));
}

template <class T>
void recolour(T* values, std::size_t pixels, int channels, colour_change const& change) {
  auto const means = channel_means(values, pixels, channels);
  double const factor = static_cast<double>(change.brightness) * change.contrast;
  std::array<float, most_channels> offset{};
  for (std::size_t c = 0; c < offset.size(); ++c)
    offset[c] = static_cast<float>(change.brightness * (1 - static_cast<double>(change.contrast)) * means[c]);
  if (channels != 3) {
    float const f = static_cast<float>(factor);
    for (std::size_t i = 0; i < pixels; ++i, values += channels)
      for (int c = 0; c < channels; ++c) values[c] = rounded<T>(f * static_cast<float>(values[c]) + offset[static_cast<std::size_t>(c)]);
    return;
  }
  // grey + s (cos (v - grey) + sin (u x v)) with u = (1, 1, 1) / sqrt 3, as a matrix whose rows are each other's rotations
  double const angle = 6.283185307179586 * change.hue, along = change.saturation * std::cos(angle),
               across = change.saturation * std::sin(angle) / 1.7320508075688772;
  double const own = (1 - along) / 3 + along, before = (1 - along) / 3 - across, after = (1 - along) / 3 + across;
  auto const mixed = [&](double a, double b, double c) { return std::array<float, 3>{float(a), float(b), float(c)}; };
  auto const m = mixed(own * factor, before * factor, after * factor);
  std::array<float, 3> o{};
  for (std::size_t c = 0; c < 3; ++c)
    o[c] = static_cast<float>(own * offset[c] + before * offset[(c + 1) % 3] + after * offset[(c + 2) % 3]);
  for (std::size_t i = 0; i < pixels; ++i, values += 3) {
    float const r = values[0], g = values[1], b = values[2];
    values[0] = rounded<T>(m[0] * r + m[1] * g + m[2] * b + o[0]);
    values[1] = rounded<T>(m[0] * g + m[1] * b + m[2] * r + o[1]);
    values[2] = rounded<T>(m[0] * b + m[1] * r + m[2] * g + o[2]);
  }
}

}  // namespace detail

inline void recolour(image& im, colour_change const& change) {
  if (change == colour_change{}) return;
  std::size_t const pixels = static_cast<std::size_t>(im.width) * static_cast<std::size_t>(im.height);
  if (im.bits == 16) detail::recolour(im.at_16(0, 0), pixels, im.channels, change);
  else detail::recolour(im.pixels.data(), pixels, im.channels, change);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
