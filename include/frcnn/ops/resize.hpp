#pragma once
// Bilinear resizing of 8-bit images on the host: half-pixel centres, clamped at the edges, no antialiasing.
//
//   in   8-bit image, rgb, bgr or grey, any row stride        plan   geometry/resize_plan.hpp: output size and sampling steps
//   out  [plan.h, plan.w, 3] RGB, 8-bit (rounded, half up) or float (0 to 255)
//
// 1. output pixel (x, y) samples the source at ((x + .5) step_x - .5, (y + .5) step_y - .5), clamped to the centres of the border pixels
// 2. out = (1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d) of the four pixels around it
// Rows are mixed before columns: the first pass is over whole rows and vectorises, the second reads one row from cache.
//
// Example: a grey row 0, 100 resized to four pixels (step .5) samples at -.25, .25, .75, 1.25: 0, 25, 75, 100
// Invariants: a constant image stays constant; with the source's size and step 1 the image comes back unchanged.
// Source: torch.nn.functional.interpolate(mode="bilinear", align_corners=False), which both conventions' transforms amount to.
#include "frcnn/core/image.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

// Keeps its tables between calls: after the largest image nothing is allocated. One per thread.
class resizer {
 public:
  template <class Out>
  requires(std::same_as<Out, std::uint8_t> || std::same_as<Out, float>) void operator()(image_view in, resize_plan const& plan, Out* out) {
    check(in);
    if (!out || plan.w < 1 || plan.h < 1 || !(plan.step_x > 0) || !(plan.step_y > 0))
      throw error("resizing", "an output of at least a pixel, and steps above 0",
                  std::to_string(plan.w) + " x " + std::to_string(plan.h) + " pixels" + (out ? "" : " without memory"));
    int const channels = in.channels(),
              row_values = checked::extent(static_cast<std::size_t>(in.width) * static_cast<std::size_t>(channels));
    columns_.resize(static_cast<std::size_t>(plan.w));
    for (int x = 0; x < plan.w; ++x) {
      columns_[static_cast<std::size_t>(x)] = tap::at(x, plan.step_x, in.width);
      columns_[static_cast<std::size_t>(x)].low *= channels;
      columns_[static_cast<std::size_t>(x)].high *= channels;
    }
    row_.resize(static_cast<std::size_t>(row_values));
    float* const row = row_.data();
    for (int y = 0; y < plan.h; ++y, out += std::size_t{3} * static_cast<std::size_t>(plan.w)) {
      tap const t = tap::at(y, plan.step_y, in.height);
      std::uint8_t const *const above = in.row(t.low), *const below = in.row(t.high);
      float const f = t.fraction;
      for (int i = 0; i < row_values; ++i) row[i] = static_cast<float>(above[i]) + f * static_cast<float>(below[i] - above[i]);
      switch (in.format) {
        case pixel_format::rgb: mix_columns<0, 1, 2>(row, plan.w, out); break;
        case pixel_format::bgr: mix_columns<2, 1, 0>(row, plan.w, out); break;
        case pixel_format::grey: mix_columns<0, 0, 0>(row, plan.w, out); break;
      }
    }
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
  static Out finish(float v) {
    if constexpr (std::same_as<Out, float>) return v;
    else return static_cast<std::uint8_t>(v + 0.5f);
  }

  std::vector<tap> columns_;
  std::vector<float> row_;
};

inline image resize(image_view in, resize_plan const& plan) {
  image out(plan.w, plan.h);
  resizer()(in, plan, out.pixels.data());
  return out;
}

}  // namespace frcnn::inline FRCNN_ABI::ops
FRCNN_HIDDEN_END
