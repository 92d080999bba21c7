#pragma once
// Local response normalisation within a channel on the CPU: a square of pixels about each, all channels side by side. Rows are the unit of
// work; a row sums down its columns first and then along, so that a 3 x 3 square takes 6 additions instead of 9.
//
//   lrn_within<T>::forward(c, spec, x, y)      lrn_within<T>::backward(c, spec, x, dy, dx, how)      contract: ops/lrn.hpp
// Backward needs dy x s^(-beta - 1) of a whole neighbourhood: it is kept for one image at a time, in scratch.
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/ops/lrn.hpp"

#include <algorithm>
#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// s^-beta. 3/4, which every published network has, takes two square roots, which are ten times faster than a power.
inline double inverse_power(double s, double beta) {
  if (beta == 0.75) return 1 / (std::sqrt(s) * std::sqrt(std::sqrt(s)));
  return std::pow(s, -beta);
}

template <Real T>
class lrn_within {
 public:
  static void forward(cpu::context& c, lrn_spec const& spec, cpu_activation<T> x, cpu_activation<T> y) {
    map const m(x.dims);
    for_each_row(c, m, static_cast<std::size_t>(m.n) * m.h, [=](std::size_t row, double* columns, double* sums) {
      std::size_t const image = row / m.h * m.size(), at = row % m.h;
      sum_squares(spec, m, x.data + image, at, columns, sums);
      T const* const in = x.data + image + at * m.line();
      T* const out = y.data + image + at * m.line();
      for (std::size_t i = 0; i < m.line(); ++i) out[i] = in[i] * static_cast<T>(inverse_power(spec.k + spec.share() * sums[i], spec.beta));
    });
  }

  static void backward(cpu::context& c, lrn_spec const& spec, cpu_activation<T> x, cpu_activation<T> dy, cpu_activation<T> dx,
                       writing how) {
    map const m(x.dims);
    cpu::context::frame const scope(c);
    T *const direct = c.scratch_of<T>(m.size()), *const through = c.scratch_of<T>(m.size());  // dy s^-beta; dy x s^(-beta - 1)
    T const factor = static_cast<T>(2 * spec.beta * spec.share());
    for (std::size_t image = 0; image < m.n * m.size(); image += m.size()) {
      T const *const in = x.data + image, *const d = dy.data + image;
      T* const out = dx.data + image;
      for_each_row(c, m, m.h, [=](std::size_t row, double* columns, double* sums) {
        sum_squares(spec, m, in, row, columns, sums);
        for (std::size_t i = 0, at = row * m.line(); i < m.line(); ++i, ++at) {
          double const s = spec.k + spec.share() * sums[i], power = inverse_power(s, spec.beta);
          direct[at] = d[at] * static_cast<T>(power);
          through[at] = d[at] * in[at] * static_cast<T>(power / s);
        }
      });
      for_each_row(c, m, m.h, [=](std::size_t row, double* columns, double* sums) {
        sum_around(spec, m, row, columns, sums, [=](std::size_t i) { return static_cast<double>(through[i]); });
        for (std::size_t i = 0, at = row * m.line(); i < m.line(); ++i, ++at) {
          T const v = direct[at] - factor * in[at] * static_cast<T>(sums[i]);
          out[at] = how == writing::set ? v : out[at] + v;
        }
      });
    }
  }

 private:
  struct map {
    std::size_t n, channels, h, w;
    explicit map(shape<4> const& s)
        : n(static_cast<std::size_t>(s[0])),
          channels(static_cast<std::size_t>(s[1])),
          h(static_cast<std::size_t>(s[2])),
          w(static_cast<std::size_t>(s[3])) {}
    std::size_t line() const { return w * channels; }
    std::size_t size() const { return h * line(); }
  };

  // f(row, columns, sums): a worker's memory for a row each.
  template <class F>
  static void for_each_row(cpu::context& c, map const& m, std::size_t rows, F f) {
    std::size_t const room = 2 * m.line(), grain = 4096 / (m.line() + 1) + 1;
    if (rows == 0 || room == 0) return;
    cpu::context::frame const scope(c);
    double* const memory = c.scratch_of<double>(room * static_cast<std::size_t>(workers_for(c, rows, grain)));
    parallel_for(c, rows, grain, [=](int worker, std::size_t begin, std::size_t end) {
      double* const mine = memory + room * static_cast<std::size_t>(worker);
      for (std::size_t row = begin; row < end; ++row) f(row, mine, mine + m.line());
    });
  }

  // sums[i]: of term over the square about element i of a row of an image.
  template <class Term>
  static void sum_around(lrn_spec const& spec, map const& m, std::size_t row, double* columns, double* sums, Term term) {
    std::size_t const half = static_cast<std::size_t>(spec.size / 2);
    std::fill_n(columns, m.line(), 0.0);
    for (std::size_t y = row < half ? 0 : row - half; y < std::min(m.h, row + half + 1); ++y)
      for (std::size_t i = 0, at = y * m.line(); i < m.line(); ++i) columns[i] += term(at + i);
    std::fill_n(sums, m.line(), 0.0);
    for (std::size_t x = 0; x < m.w; ++x)
      for (std::size_t from = x < half ? 0 : x - half; from < std::min(m.w, x + half + 1); ++from)
        for (std::size_t ch = 0; ch < m.channels; ++ch) sums[x * m.channels + ch] += columns[from * m.channels + ch];
  }
  static void sum_squares(lrn_spec const& spec, map const& m, T const* image, std::size_t row, double* columns, double* sums) {
    sum_around(spec, m, row, columns, sums, [=](std::size_t i) { return static_cast<double>(image[i]) * static_cast<double>(image[i]); });
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
