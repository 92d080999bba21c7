#pragma once
// A map [height, width, channels] of random numbers, and windows of it as the kernels see them.
#include "frcnn/backend/cpu/kernels/winograd/windows.hpp"

#include "../../tensors.hpp"
#include "matrices.hpp"

namespace cpu_tests {

struct small_map {
  static constexpr int channels = 2 * simd::lanes;
  int height, width;
  std::vector<float> values = normals<float>(static_cast<std::size_t>(height) * width * channels, 1);

  winograd::window at(int y0, int x0, winograd::tile_kind kind) const {
    winograd::window w{{}, x0, width, channels, kind};
    for (int i = 0; i < winograd::inputs; ++i)
      w.row[i] = y0 + i >= 0 && y0 + i < height ? values.data() + static_cast<std::ptrdiff_t>(y0 + i) * width * channels : nullptr;
    return w;
  }
  winograd_tests::matrix patch(int y0, int x0, winograd::tile_kind kind, int channel) const {
    winograd_tests::matrix d = winograd_tests::zeros(kind.rows + 2, kind.columns + 2);
    for (int i = 0; i < d.rows; ++i)
      for (int j = 0; j < d.columns; ++j)
        if (y0 + i >= 0 && y0 + i < height && x0 + j >= 0 && x0 + j < width)
          d(i, j) = values[static_cast<std::size_t>((y0 + i) * width + x0 + j) * channels + channel];
    return d;
  }
};

}  // namespace cpu_tests
