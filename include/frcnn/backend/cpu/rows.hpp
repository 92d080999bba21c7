#pragma once
// ops::rows on the CPU: the engine's activations are rows of pixels already, so both ways are one copy per pixel.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/rows.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct rows<cpu> {
  template <Real T>
  static void gather(cpu::context& c, cpu_activation<T> a, std::type_identity_t<view<T, 3, cpu>> rows, int first, int channel = 0) {
    move(c, a, rows, first, channel, [](T* pixel, T* row, std::size_t n) { std::copy_n(pixel, n, row); });
  }
  template <Real T>
  static void scatter(cpu::context& c, std::type_identity_t<view<T const, 3, cpu>> rows, int first, cpu_activation<T> a, int channel = 0) {
    move(c, a, rows, first, channel, [](T* pixel, T const* row, std::size_t n) { std::copy_n(row, n, pixel); });
  }

 private:
  template <class T, class Rows, class Copy>
  static void move(cpu::context& c, cpu_activation<T> a, Rows rows, int first, int channel, Copy copy) {
    std::size_t const channels = static_cast<std::size_t>(a.dims[1]), cells = static_cast<std::size_t>(a.dims[2]) * a.dims[3];
    std::size_t const columns = static_cast<std::size_t>(rows.dims[2]), per_image = static_cast<std::size_t>(rows.dims[1]);
    FRCNN_ASSERT(rows.dims[0] == a.dims[0] && channel + rows.dims[2] <= a.dims[1] && first + cells <= per_image);
    parallel_for(c, static_cast<std::size_t>(a.dims[0]) * cells, std::size_t{65536} / (columns + 1) + 1,
                 [=](std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i)
                     copy(a.data + i * channels + channel,
                          rows.data + (i / cells * per_image + static_cast<std::size_t>(first) + i % cells) * columns, columns);
                 });
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
