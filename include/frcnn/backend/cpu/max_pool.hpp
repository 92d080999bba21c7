#pragma once
// ops::max_pool on the CPU, channels innermost. argmax holds y*W + x of the winner in its map, in the order of y's memory.
#include "frcnn/backend/cpu/running_max.hpp"
#include "frcnn/ops/max_pool.hpp"

namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct max_pool<cpu> {
  template <Real T>
  static void forward(cpu::context& c, pool_spec spec, cpu_activation<T> x, cpu_activation<T> y, view<std::int32_t, 1, cpu> argmax) {
    FRCNN_ASSERT(y.dims == spec.out_shape(x.dims) && (!argmax || argmax.size() == y.dims.size()));
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

  template <Real T>
  static void backward(cpu::context& c, pool_spec, view<std::int32_t const, 1, cpu> argmax, cpu_activation<T> dy, cpu_activation<T> dx,
                       write how) {
    std::size_t const channels = static_cast<std::size_t>(dx.dims[1]), cells = static_cast<std::size_t>(dx.dims[2]) * dx.dims[3];
    std::size_t const outputs = static_cast<std::size_t>(dy.dims[2]) * dy.dims[3];
    constexpr std::size_t block = 32;  // channels of one task: whole cache lines, and each element's sum stays in one order
    std::size_t const blocks = (channels + block - 1) / block;
    parallel_for(c, static_cast<std::size_t>(dx.dims[0]) * blocks, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t task = begin; task < end; ++task) {
        std::size_t const n = task / blocks, c0 = task % blocks * block, count = std::min(block, channels - c0);
        T* const map = dx.data + n * cells * channels + c0;
        if (how == write::set)
          for (std::size_t i = 0; i < cells; ++i) std::fill_n(map + i * channels, count, T(0));
        for (std::size_t o = 0; o < outputs; ++o) {
          std::size_t const at = (n * outputs + o) * channels + c0;
          for (std::size_t i = 0; i < count; ++i) map[static_cast<std::size_t>(argmax.data[at + i]) * channels + i] += dy.data[at + i];
        }
      }
    });
  }
};

}  // namespace frcnn::ops
