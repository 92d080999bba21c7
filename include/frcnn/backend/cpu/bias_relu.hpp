#pragma once
// The epilogue of a layer's matrix product: bias and ReLU on the rows of its output, and their gradient.
//
//   add_bias_relu(y, rows, columns, bias, relu)              y [rows, columns] += bias, then max(0, .); on the calling thread, y in cache
//   mask_and_sum(c, relu, y, dy, rows, columns, dbias, how)  dy masked by y > 0 in place; dbias = column sums of dy, nullptr: not wanted
// Sums are taken over runs of 512 rows, then over the runs in ascending order: the bits do not depend on the number of threads.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <Real T>
void add_bias_relu(T* y, std::size_t rows, std::size_t columns, T const* bias, bool relu) {
  for (std::size_t r = 0; r < rows; ++r, y += columns) {
    if (relu) {
      FRCNN_INDEPENDENT
      for (std::size_t i = 0; i < columns; ++i) {
        T const v = y[i] + bias[i];
        y[i] = v < T(0) ? T(0) : v;  // NaN stays NaN: the loss must see it
      }
    } else {
      FRCNN_INDEPENDENT
      for (std::size_t i = 0; i < columns; ++i) y[i] += bias[i];
    }
  }
}

// A layer may have no bias: the kernels read zeros then, which live as long as the caller's frame.
template <Real T>
T const* bias_or_zeros(cpu::context& c, T const* bias, int count) {
  if (bias) return bias;
  std::size_t const n = static_cast<std::size_t>(count);
  T* const zeros = c.scratch_of<T>(n);
  std::fill_n(zeros, n, T(0));
  return zeros;
}

template <Real T>
void mask_and_sum(cpu::context& c, bool relu, T const* y, T* dy, std::size_t rows, std::size_t columns, T* dbias, writing how) {
  if (!relu && !dbias) return;
  constexpr std::size_t run = 512;
  std::size_t const runs = (rows + run - 1) / run;
  cpu::context::frame const scope(c);
  T* const partial = dbias ? c.scratch_of<T>(runs * columns) : nullptr;
  std::size_t const grain = std::size_t{32768} / (run * std::max<std::size_t>(columns, 1)) + 1;  // runs worth a thread of their own
  parallel_for(c, runs, grain, [=](std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; ++at) {
      T* const sum = dbias ? partial + at * columns : nullptr;
      if (sum) std::fill(sum, sum + columns, T(0));
      for (std::size_t r = at * run; r < std::min(rows, (at + 1) * run); ++r) {
        T* const d = dy + r * columns;
        if (relu) {
          T const* const v = y + r * columns;
          FRCNN_INDEPENDENT
          for (std::size_t i = 0; i < columns; ++i) d[i] = v[i] > T(0) ? d[i] : T(0);
        }
        if (sum) {
          FRCNN_INDEPENDENT
          for (std::size_t i = 0; i < columns; ++i) sum[i] += d[i];
        }
      }
    }
  });
  if (!dbias) return;
  if (how == writing::set) std::fill(dbias, dbias + columns, T(0));
  for (std::size_t at = 0; at < runs; ++at) {
    T const* const sum = partial + at * columns;
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < columns; ++i) dbias[i] += sum[i];
  }
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
