#pragma once
// What the ops of the CUDA backend share: which backends they serve, and where an element of a map is.
//
// Each op is written once for both: frcnn::cuda, and cuda_on_host, its twin for tests, which runs the very same kernels on the host
// (block.hpp). An op whose elements need nothing of each other is a functor for exec<B>::for_each, one call an element, neighbours in memory
// by neighbouring threads; the others are block-level kernels.
// Every sum is taken in an order that its arguments fix, by one thread or down a tree: no atomic additions of numbers that round.
#include "frcnn/backend/cuda/activation.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/core/scratch.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class B>
concept CudaDevice = Backend<B> && std::same_as<activation<float, B>, cuda_activation<float>>;

namespace detail {

// i / by, and what is left. Numbers of 32 bits are divided where they suffice: those of 64 take a GPU some hundred instructions.
struct divided {
  std::size_t quotient, rest;
  FRCNN_HD divided(std::size_t i, std::size_t by) {
    if ((i | by) <= 0xffffffffu) {
      std::uint32_t const q = static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(by);
      quotient = q;
      rest = static_cast<std::uint32_t>(i) - q * static_cast<std::uint32_t>(by);
    } else {
      quotient = i / by;
      rest = i % by;
    }
  }
};

// Element i of a map's memory.
struct map_element {
  int n, y, x, c;

  FRCNN_HD map_element(std::size_t i, shape<4> const& dims) {
    divided const pixel(i, static_cast<std::size_t>(dims[1])), line(pixel.quotient, static_cast<std::size_t>(dims[3]));
    divided const map(line.quotient, static_cast<std::size_t>(dims[2]));
    n = static_cast<int>(map.quotient), y = static_cast<int>(map.rest), x = static_cast<int>(line.rest), c = static_cast<int>(pixel.rest);
  }
};
FRCNN_HD inline std::size_t index_of(int n, int y, int x, int c, shape<4> const& dims) {
  return ((static_cast<std::size_t>(n) * dims[2] + y) * dims[3] + x) * dims[1] + c;
}

// A maximum and where it was: the first of equals; a NaN wins, and stays: the loss must see it.
template <class T>
struct running_max {
  T value;
  std::int32_t at;

  FRCNN_HD void take(T v, std::int32_t where) {
    if (is_nan(value) || !(is_nan(v) || v > value)) return;
    value = v;
    at = where;
  }
};

template <class T>
FRCNN_HD void write(T& to, T v, writing how) {
  to = how == writing::set ? v : to + v;
}

// to = from or to += from, element by element.
template <class T>
struct pass_element {
  T const* from;
  T* to;
  writing how;
  FRCNN_HD void operator()(std::size_t i) const { write(to[i], from[i], how); }
};
// Nothing where `to` is not wanted or is `from` itself.
template <class T, Backend B>
void pass_on(typename B::context& c, activation<T, B> from, activation<T, B> to, writing how) {
  if (!to || to.data == from.data) return;
  FRCNN_ASSERT(to.dims == from.dims);
  exec<B>::for_each(c, from.dims.size(), pass_element<T>{from.data, to.data, how});
}

}  // namespace detail

}  // namespace frcnn
FRCNN_HIDDEN_END
