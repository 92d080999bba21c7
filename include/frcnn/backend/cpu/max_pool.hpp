#pragma once
// ops::max_pool on the CPU, channels innermost. argmax holds y*W + x of the winner in its map, in the order of y's memory.
#include "frcnn/backend/cpu/running_max.hpp"
#include "frcnn/ops/max_pool.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct max_pool<cpu> {
  template <Real T>
  static void forward(cpu::context& c, pool_spec spec, cpu_activation<T> x, cpu_activation<T> y, view<std::int32_t, 1, cpu> argmax) {
    check(spec, x.dims, y.dims);
    FRCNN_ASSERT(!argmax || argmax.size() == y.dims.size());
    int const height = x.dims[2], width = x.dims[3], out_height = y.dims[2], out_width = y.dims[3];
    std::size_t const channels = static_cast<std::size_t>(x.dims[1]);
    parallel_for(c, static_cast<std::size_t>(y.dims[0]) * out_height, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) {
        T const* const map = x.data + at / out_height * height * width * channels;
        int const top = static_cast<int>(at % out_height) * spec.stride - spec.pad;
        int const y0 = std::clamp(top, 0, height - 1), y1 = std::min(top + spec.kernel, height);
        for (int ox = 0; ox < out_width; ++ox) {
          int const left = ox * spec.stride - spec.pad, x0 = std::clamp(left, 0, width - 1), x1 = std::min(left + spec.kernel, width);
          std::size_t const out = (at * out_width + ox) * channels;
          T* const best = y.data + out;
          std::int32_t* const winner = argmax ? argmax.data + out : nullptr;
          std::copy_n(map + (static_cast<std::size_t>(y0) * width + x0) * channels, channels, best);
          if (winner) std::fill_n(winner, channels, y0 * width + x0);
          for (int iy = y0; iy < y1; ++iy)
            for (int ix = x0; ix < x1; ++ix) detail::take_better(map, iy * width + ix, channels, best, winner);
        }
      }
    });
  }

  // A task is a band of rows of dx: it clears them and takes what was won in them, outputs in ascending order, while both are in the cache.
  // (Blocks of channels over the whole map instead: 2.8 times slower at 64 x 300 x 400.)
  template <Real T>
  static void backward(cpu::context& c, pool_spec spec, view<std::int32_t const, 1, cpu> argmax, cpu_activation<T> dy, cpu_activation<T> dx,
                       writing how) {
    check(spec, dx.dims, dy.dims);
    FRCNN_ASSERT(argmax.size() == dy.dims.size());
    int const height = dx.dims[2], width = dx.dims[3], out_height = dy.dims[2], band = 4 * spec.stride, bands = (height + band - 1) / band;
    std::size_t const channels = static_cast<std::size_t>(dx.dims[1]), row = static_cast<std::size_t>(width) * channels;
    std::size_t const out_row = static_cast<std::size_t>(dy.dims[3]) * channels;
    parallel_for(c, static_cast<std::size_t>(dx.dims[0]) * bands, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t task = begin; task < end; ++task) {
        std::size_t const n = task / bands;
        int const y0 = static_cast<int>(task % bands) * band, y1 = std::min(y0 + band, height);
        T* const map = dx.data + n * height * row;
        if (how == writing::set) std::fill(map + y0 * row, map + y1 * row, T(0));
        // Windows that reach into the band; Caffe's rounding may leave a last one wholly below the map: its winner lies in the last row.
        int const first = std::max(0, (y0 + spec.pad - spec.kernel) / spec.stride);
        int const last = y1 == height ? out_height : std::min(out_height, (y1 - 1 + spec.pad) / spec.stride + 1);
        std::int32_t const low = y0 * width, high = y1 * width;
        for (int oy = first; oy < last; ++oy) {
          std::size_t const from = (n * out_height + oy) * out_row;
          for (std::size_t at = from; at < from + out_row; at += channels)
            for (std::size_t i = 0; i < channels; ++i) {
              std::int32_t const winner = argmax.data[at + i];
              if (winner >= low && winner < high) map[static_cast<std::size_t>(winner) * channels + i] += dy.data[at + i];
            }
        }
      }
    });
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
