#pragma once
// Bilinear resizing of images on the host: half-pixel centres, clamped at the edges, no antialiasing.
//
//   in   image of any format, bits and row stride             plan   geometry/resize_plan.hpp: output size and sampling steps
//   out  [plan.h, plan.w, channels], whole numbers of the image's bits (rounded, half up) or float (0 to 255 or 65535). Three channels are
//        RGB, whatever the order of the image, and a grey image's three are equal; otherwise they are as many as the image has
//
// 1. output pixel (x, y) samples the source at ((x + .5) step_x - .5, (y + .5) step_y - .5), clamped to the centres of the border pixels
// 2. out = (1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d) of the four pixels around it
// Rows are mixed before columns: the first pass is over whole rows and vectorises, the second reads one row from cache.
//
// Example: a grey row 0, 100 resized to four pixels (step .5) samples at -.25, .25, .75, 1.25: 0, 25, 75, 100
// Invariants: a constant image stays constant; with the source's size and step 1 the image comes back unchanged.
// Source: torch.nn.functional.interpolate(mode="bilinear", align_corners=False), which both conventions' transforms amount to.
#include "frcnn/core/abandon.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

// Keeps its tables between calls: after the largest image nothing is allocated. One per thread. It may be given up between two rows
// (core/abandon.hpp).
class resizer {
 public:
  template <class Out>
  requires(std::same_as<Out, std::uint8_t> || std::same_as<Out, std::uint16_t> || std::same_as<Out, float>) void operator()(
      image_view in, resize_plan const& plan, Out* out, int channels = 3) {
    check(in);
    if (!out || plan.w < 1 || plan.h < 1 || !(plan.step_x > 0) || !(plan.step_y > 0))
      throw error("resizing", "an output of at least a pixel, and steps above 0",
                  std::to_string(plan.w) + " x " + std::to_string(plan.h) + " pixels" + (out ? "" : " without memory"));
    if (!has_channels(in, channels))
      throw error("resizing", "an image of " + std::to_string(channels) + " channels", std::to_string(in.channels()));
    if (!std::same_as<Out, float> && in.bits != 8 * static_cast<int>(sizeof(Out)))
      throw error("resizing", "an image of " + std::to_string(8 * sizeof(Out)) + " bits", std::to_string(in.bits));
    columns_.resize(static_cast<std::size_t>(plan.w));
    for (int x = 0; x < plan.w; ++x) {
      columns_[static_cast<std::size_t>(x)] = tap::at(x, plan.step_x, in.width);
      columns_[static_cast<std::size_t>(x)].low *= in.channels();
      columns_[static_cast<std::size_t>(x)].high *= in.channels();
    }
    row_.resize(static_cast<std::size_t>(checked::extent(static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.channels()))));
    if (in.bits == 16) resize<std::uint16_t>(in, plan, out, channels);
    else resize<std::uint8_t>(in, plan, out, channels);
  }

 private:
  // value = source[low] + fraction (source[high] - source[low])
  struct tap {
    int low, high;
    float fraction;

    static tap at(int i, double step, int extent) {
      double const position = (i + 0.5) * step - 0.5;
      if (!(position > 0)) return {0, 0, 0};
      if (position >= extent - 1) return {extent - 1, extent - 1, 0};
      int const low = static_cast<int>(position);
      return {low, low + 1, static_cast<float>(position - low)};
    }
  };

  template <class In, class Out>
  void resize(image_view const& in, resize_plan const& plan, Out* out, int channels) {
    float* const row = row_.data();
    int const values = static_cast<int>(row_.size());
    for (int y = 0; y < plan.h; ++y, out += static_cast<std::size_t>(channels) * static_cast<std::size_t>(plan.w)) {
      stop_if_abandoned();
      tap const t = tap::at(y, plan.step_y, in.height);
      In const *const above = reinterpret_cast<In const*>(in.row(t.low)), *const below = reinterpret_cast<In const*>(in.row(t.high));
      float const f = t.fraction;
      for (int i = 0; i < values; ++i) row[i] = static_cast<float>(above[i]) + f * static_cast<float>(below[i] - above[i]);
      if (channels != 3) mix_columns(row, plan.w, channels, out);
      else if (in.channels() == 1) mix_columns<0, 0, 0>(row, plan.w, out);
      else if (in.format == pixel_format::bgr) mix_columns<2, 1, 0>(row, plan.w, out);
      else mix_columns<0, 1, 2>(row, plan.w, out);
    }
  }

  // R, G, B: where in a source pixel the output's channels lie.
  template <int R, int G, int B, class Out>
  void mix_columns(float const* row, int width, Out* out) const {
    for (int x = 0; x < width; ++x) {
      tap const t = columns_[static_cast<std::size_t>(x)];
      float const *const a = row + t.low, *const b = row + t.high;
      out[3 * x] = finish<Out>(a[R] + t.fraction * (b[R] - a[R]));
      out[3 * x + 1] = finish<Out>(a[G] + t.fraction * (b[G] - a[G]));
      out[3 * x + 2] = finish<Out>(a[B] + t.fraction * (b[B] - a[B]));
    }
  }
  template <class Out>
  void mix_columns(float const* row, int width, int channels, Out* out) const {
    for (int x = 0; x < width; ++x, out += channels) {
      tap const t = columns_[static_cast<std::size_t>(x)];
      float const *const a = row + t.low, *const b = row + t.high;
      for (int c = 0; c < channels; ++c) out[c] = finish<Out>(a[c] + t.fraction * (b[c] - a[c]));
    }
  }
  template <class Out>
  static Out finish(float v) {
    if constexpr (std::same_as<Out, float>) return v;
    else return static_cast<Out>(v + 0.5f);
  }

  std::vector<tap> columns_;
  std::vector<float> row_;
};

// channels: of the result, which has the image's bits.
inline image resize(image_view in, resize_plan const& plan, int channels = 3) {
  image out(plan.w, plan.h, channels, in.bits);
  if (in.bits == 16) resizer()(in, plan, out.at_16(0, 0), channels);
  else resizer()(in, plan, out.pixels.data(), channels);
  return out;
}

}  // namespace frcnn::inline FRCNN_ABI::ops
FRCNN_HIDDEN_END
