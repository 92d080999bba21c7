#pragma once
// How a parameter lies in memory and how in a file: from the logical order [O, C, H, W] to the engine's (core/param.hpp, param_order) and
// back, whole or some rows at a time, so that no second copy of a large one is made.
//
//   reordered(order, dims, values, to_stored)    all values; plain ones as they are
//   rows_to_stored(dims, count, from, to)        some rows of the first axis
//   for_each_part(rows, at_once, threads, make)  parts of so many rows, shared by threads: make() gives each thread a function of
//                                                (first row, number of rows). Throws what one of them throws
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/core/shape.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Logical [count, C, H*W] to [count, H*W, C].
template <class T>
void rows_to_stored(shape<4> const& dims, std::size_t count, T const* from, T* to) {
  std::size_t const channels = static_cast<std::size_t>(dims[1]), cells = static_cast<std::size_t>(dims[2]) * dims[3];
  constexpr std::size_t block = 16;
  for (std::size_t o = 0; o < count; ++o, from += channels * cells, to += channels * cells)
    for (std::size_t c0 = 0; c0 < channels; c0 += block)
      for (std::size_t i = 0; i < cells; ++i)
        for (std::size_t c = c0; c < std::min(c0 + block, channels); ++c) to[i * channels + c] = from[c * cells + i];
}

template <class T>
std::vector<T> reordered(param_order order, shape<4> const& dims, std::vector<T> const& from, bool to_stored) {
  if (order == param_order::plain || from.empty()) return from;
  auto const [o_count, c_count, h_count, w_count] = dims.d;
  std::vector<T> to(from.size());
  std::size_t plain = 0;
  for (std::size_t o = 0; o < std::size_t(o_count); ++o)
    for (std::size_t c = 0; c < std::size_t(c_count); ++c)
      for (std::size_t h = 0; h < std::size_t(h_count); ++h)
        for (std::size_t w = 0; w < std::size_t(w_count); ++w, ++plain) {
          std::size_t const stored = ((o * h_count + h) * w_count + w) * c_count + c;
          (to_stored ? to[stored] : to[plain]) = to_stored ? from[plain] : from[stored];
        }
  return to;
}

template <class Make>
void for_each_part(std::size_t rows, std::size_t at_once, int threads, Make make) {
  for_each_by_own((rows + at_once - 1) / at_once, std::max(threads, 1), [&] {
    return [=, f = make()](std::size_t part) mutable { f(part * at_once, std::min(at_once, rows - part * at_once)); };
  });
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
