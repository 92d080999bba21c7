#pragma once
// ops::rows on the CPU: the engine's activations are rows of pixels already, so both ways are one copy per image.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/rows.hpp"

namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct rows<cpu> {
  template <Real T>
  static void gather(cpu::context& c, cpu_activation<T> a, std::type_identity_t<view<T, 3, cpu>> rows, int first) {
    move(c, a, rows, first, [](T* pixels, T* row, std::size_t n) { std::copy_n(pixels, n, row); });
  }
  template <Real T>
  static void scatter(cpu::context& c, std::type_identity_t<view<T const, 3, cpu>> rows, int first, cpu_activation<T> a) {
    move(c, a, rows, first, [](T* pixels, T const* row, std::size_t n) { std::copy_n(row, n, pixels); });
  }

 private:
  template <class T, class Rows, class Copy>
  static void move(cpu::context& c, cpu_activation<T> a, Rows rows, int first, Copy copy) {
    std::size_t const channels = static_cast<std::size_t>(a.dims[1]), cells = static_cast<std::size_t>(a.dims[2]) * a.dims[3];
    FRCNN_ASSERT(rows.dims[0] == a.dims[0] && rows.dims[2] == a.dims[1] && first + cells <= static_cast<std::size_t>(rows.dims[1]));
    parallel_for(
        c, static_cast<std::size_t>(a.dims[0]), std::size_t{65536} / (cells * channels + 1) + 1, [=](std::size_t begin, std::size_t end) {
          for (std::size_t n = begin; n < end; ++n)
            copy(a.data + n * cells * channels,
                 rows.data + (n * static_cast<std::size_t>(rows.dims[1]) + static_cast<std::size_t>(first)) * channels, cells * channels);
        });
  }
};

}  // namespace frcnn::ops
