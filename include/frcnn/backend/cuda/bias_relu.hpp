#pragma once
// The epilogue of a layer's product, and its gradient, on the rows of its output [rows, columns].
//
//   add_epilogue<T, B>(c, y, rows, columns, bias, residual, relu)   y = y + bias + residual, then max(0, .); nullptr: not there
//   mask_and_sum<T, B>(c, relu, y, dy, rows, columns, dbias, how)
//        dy masked by y > 0 in place; dbias = or += column sums of dy, nullptr: not wanted
// A block of mask_and_sum takes a run of rows of 32 columns, each thread every eighth row; then the runs' sums are added in ascending order.
// A run has 512 rows, or as many more as leave 256 runs.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class T>
struct epilogue_element {
  T* y;
  T const *bias, *residual;  // nullptr: none
  std::size_t columns;
  bool relu;
  FRCNN_HD void operator()(std::size_t i) const {
    T v = y[i];
    if (bias) v += bias[divided(i, columns).rest];
    if (residual) v += residual[i];
    y[i] = relu && v < T(0) ? T(0) : v;  // NaN stays NaN: the loss must see it
  }
};

template <Real T, Backend B>
void add_epilogue(typename B::context& c, T* y, std::size_t rows, std::size_t columns, T const* bias, T const* residual, bool relu) {
  if (!bias && !residual && !relu) return;
  exec<B>::for_each(c, rows * columns, epilogue_element<T>{y, bias, residual, columns, relu});
}

template <class T>
struct mask_element {
  T const* y;
  T* dy;
  FRCNN_HD void operator()(std::size_t i) const {
    if (!(y[i] > T(0))) dy[i] = T(0);
  }
};

template <class T>
struct mask_and_sum_columns {
  static constexpr int width = 32, lines = 8, threads = width * lines;
  struct shared_state {
    T sum[lines][width];
  };

  T const* y;  // nullptr: no ReLU
  T* dy;
  T* partial;  // [runs, columns]
  std::size_t rows, columns, run;

  static std::size_t run_of(std::size_t rows) { return rows <= 512 * 256 ? 512 : (rows + 255) / 256; }
  std::size_t runs() const { return (rows + run - 1) / run; }
  FRCNN_HD std::size_t groups() const { return (columns + width - 1) / width; }

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    std::size_t const at = block.index() / groups(), first = block.index() % groups() * width;
    std::size_t const begin = at * run, end = begin + run < rows ? begin + run : rows;
    block.each([&](int t) {
      std::size_t const column = first + static_cast<std::size_t>(t % width);
      T sum = T(0);
      for (std::size_t r = begin + static_cast<std::size_t>(t / width); column < columns && r < end; r += lines) {
        std::size_t const i = r * columns + column;
        T v = dy[i];
        if (y && !(y[i] > T(0))) dy[i] = v = T(0);
        sum += v;
      }
      block.shared().sum[t / width][t % width] = sum;
    });
    block.each([&](int t) {
      if (t >= width || first + static_cast<std::size_t>(t) >= columns) return;
      T sum = T(0);
      for (int i = 0; i < lines; ++i) sum += block.shared().sum[i][t];
      partial[at * columns + first + static_cast<std::size_t>(t)] = sum;
    });
  }
};

template <class T>
struct add_runs {
  T const* partial;
  T* sum;
  std::size_t runs, columns;
  writing how;
  FRCNN_HD void operator()(std::size_t column) const {
    T total = how == writing::set ? T(0) : sum[column];
    for (std::size_t at = 0; at < runs; ++at) total += partial[at * columns + column];
    sum[column] = total;
  }
};

template <Real T, Backend B>
void mask_and_sum(typename B::context& c, bool relu, T const* y, T* dy, std::size_t rows, std::size_t columns, T* dbias, writing how) {
  if (!dbias) {
    if (relu) exec<B>::for_each(c, rows * columns, mask_element<T>{y, dy});
    return;
  }
  typename B::context::frame const scope(c);
  mask_and_sum_columns<T> kernel{relu ? y : nullptr, dy, nullptr, rows, columns, mask_and_sum_columns<T>::run_of(rows)};
  std::size_t const runs = kernel.runs();
  kernel.partial = static_cast<T*>(c.scratch(checked::bytes<T>(runs * columns)));
  launch(c, runs * kernel.groups(), kernel);
  exec<B>::for_each(c, columns, add_runs<T>{kernel.partial, dbias, runs, columns, how});
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
