#pragma once
// Images of any channels and bits as people can look at them: RGB of 8 bits, for what draws on images (draw.hpp) and writes them into
// files.
//
//   image const shown = picture_of(scan);
// RGB of 8 bits stays as it is; one or two channels are shown as grey, the first alone; of four and more the first three are red, green and
// blue. 16 bits become 8: of each channel the values between its 1st and 99th percentile are stretched over 0 to 255, so that a scene of
// few values shows its shapes. The same thing may look brighter on one image than on another.
#include "frcnn/core/image.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

namespace detail {

// The values that a hundredth of a channel's pixels does not exceed, and that a hundredth exceeds.
inline std::array<std::uint16_t, 2> percentiles_of(image_view const& v, int channel) {
  std::vector<std::size_t> count(65536);
  for (int y = 0; y < v.height; ++y) {
    auto const* p = reinterpret_cast<std::uint16_t const*>(v.row(y)) + channel;
    for (int x = 0; x < v.width; ++x, p += v.channels()) ++count[*p];
  }
  std::size_t const pixels = static_cast<std::size_t>(v.width) * static_cast<std::size_t>(v.height), cut = pixels / 100;
  auto const first_beyond = [&](auto begin, auto end) {
    std::size_t seen = 0;
    return std::find_if(begin, end, [&](std::size_t n) { return (seen += n) > cut; });
  };
  auto const low = first_beyond(count.begin(), count.end()) - count.begin();
  auto const high = count.rend() - first_beyond(count.rbegin(), count.rend()) - 1;
  return {static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)};
}

}  // namespace detail

// Throws error for what is no image.
inline image picture_of(image_view const& v) {
  check(v);
  image shown(v.width, v.height);
  for (int k = 0; k < 3; ++k) {
    int const from = v.channels() < 3 ? 0 : v.format == pixel_format::bgr ? 2 - k : k;
    auto const [low, high] = v.bits == 16 ? detail::percentiles_of(v, from) : std::array<std::uint16_t, 2>{0, 255};
    int const span = std::max(high - low, 1);
    for (int y = 0; y < v.height; ++y) {
      auto* to = shown.at(0, y) + k;
      for (int x = 0; x < v.width; ++x, to += 3) {
        std::ptrdiff_t const at = std::ptrdiff_t{x} * v.channels() + from;
        int const value = v.bits == 16 ? reinterpret_cast<std::uint16_t const*>(v.row(y))[at] : v.row(y)[at];
        *to = static_cast<std::uint8_t>(v.bits == 16 ? (std::clamp(value - low, 0, span) * 255 + span / 2) / span : value);
      }
    }
  }
  return shown;
}

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
