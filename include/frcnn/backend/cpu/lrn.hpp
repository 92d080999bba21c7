#pragma once
// ops::lrn on the CPU, both engines. A pixel's channels are one run of memory: across channels goes pixel by pixel, within a channel row by
// row, all channels side by side (lrn_within.hpp). Sums are taken in double, each anew: one that slid along would not forget a NaN or an
// infinity.
//   dx = dy s^-beta - 2 beta alpha / n * x * sum over the neighbours of dy x s^(-beta - 1)
#include "frcnn/backend/cpu/lrn_within.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/lrn.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct lrn<cpu> {
  template <Real T>
  static void forward(cpu::context& c, lrn_spec spec, cpu_activation<T> x, cpu_activation<T> y) {
    check(spec);
    FRCNN_ASSERT(x.dims == y.dims);
    if (spec.region == lrn_region::within_channel) return detail::lrn_within<T>::forward(c, spec, x, y);
    std::size_t const channels = static_cast<std::size_t>(x.dims[1]);
    for_each_pixel<T>(c, x.dims, 0, [=](std::size_t pixel, T*) {
      T const* const in = x.data + pixel * channels;
      T* const out = y.data + pixel * channels;
      sums_around(
          spec, channels, [=](std::size_t i) { return static_cast<double>(in[i]) * static_cast<double>(in[i]); },
          [=](std::size_t i, double sum) {
            out[i] = in[i] * static_cast<T>(detail::inverse_power(spec.k + spec.share() * sum, spec.beta));
          });
    });
  }

  template <Real T>
  static void backward(cpu::context& c, lrn_spec spec, cpu_activation<T> x, cpu_activation<T> dy, cpu_activation<T> dx, writing how) {
    check(spec);
    FRCNN_ASSERT(x.dims == dy.dims && x.dims == dx.dims);
    if (spec.region == lrn_region::within_channel) return detail::lrn_within<T>::backward(c, spec, x, dy, dx, how);
    std::size_t const channels = static_cast<std::size_t>(x.dims[1]);
    for_each_pixel<T>(c, x.dims, 2 * channels, [=](std::size_t pixel, T* memory) {
      T const *const in = x.data + pixel * channels, *const d = dy.data + pixel * channels;
      T* const out = dx.data + pixel * channels;
      T *const direct = memory, *const through = memory + channels;  // dy s^-beta; dy x s^(-beta - 1)
      sums_around(
          spec, channels, [=](std::size_t i) { return static_cast<double>(in[i]) * static_cast<double>(in[i]); },
          [=](std::size_t i, double sum) {
            double const s = spec.k + spec.share() * sum, power = detail::inverse_power(s, spec.beta);
            direct[i] = d[i] * static_cast<T>(power);
            through[i] = d[i] * in[i] * static_cast<T>(power / s);
          });
      T const factor = static_cast<T>(2 * spec.beta * spec.share());
      sums_around(
          spec, channels, [=](std::size_t i) { return static_cast<double>(through[i]); },
          [=](std::size_t i, double sum) {
            T const v = direct[i] - factor * in[i] * static_cast<T>(sum);
            out[i] = how == writing::set ? v : out[i] + v;
          });
    });
  }

 private:
  // f(i, sum over |d - i| <= size / 2 of term(d)) for each channel i.
  template <class Term, class F>
  static void sums_around(lrn_spec const& spec, std::size_t channels, Term term, F f) {
    std::size_t const half = static_cast<std::size_t>(spec.size / 2);
    for (std::size_t i = 0; i < channels; ++i) {
      double sum = 0;
      for (std::size_t d = i < half ? 0 : i - half; d < std::min(channels, i + half + 1); ++d) sum += term(d);
      f(i, sum);
    }
  }
  // f(pixel, a worker's memory of so many elements)
  template <Real T, class F>
  static void for_each_pixel(cpu::context& c, shape<4> s, std::size_t room, F f) {
    std::size_t const pixels = static_cast<std::size_t>(s[0]) * s[2] * s[3], grain = 4096 / (static_cast<std::size_t>(s[1]) + 1) + 1;
    cpu::context::frame const scope(c);
    T* const memory = c.scratch_of<T>(room * static_cast<std::size_t>(workers_for(c, pixels, grain)));
    parallel_for(c, pixels, grain, [=](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) f(at, memory + room * static_cast<std::size_t>(worker));
    });
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
