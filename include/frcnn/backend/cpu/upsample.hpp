#pragma once
// ops::upsample on the CPU, channels innermost: a task is a row of y, or of dx.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/upsample.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct upsample<cpu> {
  template <Real T>
  static void forward(cpu::context& c, cpu_activation<T> x, cpu_activation<T> y) {
    FRCNN_ASSERT(x.dims[0] == y.dims[0] && x.dims[1] == y.dims[1]);
    nearest_axis const rows(x.dims[2], y.dims[2]), columns(x.dims[3], y.dims[3]);
    std::size_t const channels = static_cast<std::size_t>(x.dims[1]);
    parallel_for(c, static_cast<std::size_t>(y.dims[0]) * rows.out, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) {
        std::size_t const image = at / rows.out, line = static_cast<std::size_t>(rows.source(static_cast<int>(at % rows.out)));
        T const* const from = x.data + (image * rows.in + line) * columns.in * channels;
        T* const to = y.data + at * columns.out * channels;
        for (int j = 0; j < columns.out; ++j) std::copy_n(from + columns.source(j) * channels, channels, to + j * channels);
      }
    });
  }

  template <Real T>
  static void backward(cpu::context& c, cpu_activation<T> dy, cpu_activation<T> dx, writing how) {
    FRCNN_ASSERT(dx.dims[0] == dy.dims[0] && dx.dims[1] == dy.dims[1]);
    nearest_axis const rows(dx.dims[2], dy.dims[2]), columns(dx.dims[3], dy.dims[3]);
    std::size_t const channels = static_cast<std::size_t>(dx.dims[1]);
    parallel_for(c, static_cast<std::size_t>(dx.dims[0]) * rows.in, 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) {
        std::size_t const image = at / rows.in;
        int const line = static_cast<int>(at % rows.in), top = rows.first(line), bottom = rows.first(line + 1);
        for (int j = 0; j < columns.in; ++j) {
          T* const to = dx.data + (at * columns.in + j) * channels;
          if (how == writing::set) std::fill_n(to, channels, T(0));
          for (int v = top; v < bottom; ++v)
            for (int u = columns.first(j); u < columns.first(j + 1); ++u) {
              T const* const from = dy.data + ((image * rows.out + v) * columns.out + u) * channels;
              FRCNN_INDEPENDENT
              for (std::size_t i = 0; i < channels; ++i) to[i] += from[i];
            }
        }
      }
    });
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
