#pragma once
// Arithmetic of sizes that does not wrap: a size that no memory has is a frcnn::error, and never a small number.
//
//   checked::product(a, b), checked::sum(a, b)   of bytes or elements
//   checked::bytes<T>(n)                         n elements of T
//   checked::elements(shape)                     of a shape, whose extents must not be negative
//   checked::extent(n)                           n elements as the extent of a view, which is a std::int32_t
// All code that allocates uses these: buffers, the arena, contexts, the parameter store. They are host functions; each costs a
// multiplication.
//
// Example: checked::elements(shape<2>{{-1, 4}})   "size of an array: expected extents of 0 or more, found [-1,4]"
#include "frcnn/core/error.hpp"
#include "frcnn/core/shape.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY::checked {

inline constexpr std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());  // what pointers can tell apart

[[noreturn]] FRCNN_PER_BUILD inline void refuse(std::string found) {
  throw error("size of an array", "at most " + std::to_string(most) + " bytes", std::move(found));
}

FRCNN_PER_BUILD inline std::size_t product(std::size_t a, std::size_t b) {
  if (b != 0 && a > most / b) refuse(std::to_string(a) + " times " + std::to_string(b));
  return a * b;
}
FRCNN_PER_BUILD inline std::size_t sum(std::size_t a, std::size_t b) {
  if (a > most || b > most - a) refuse(std::to_string(a) + " and " + std::to_string(b));
  return a + b;
}

template <class T>
FRCNN_PER_BUILD std::size_t bytes(std::size_t n) {
  return product(n, sizeof(T));
}

template <int R>
FRCNN_PER_BUILD std::size_t elements(shape<R> const& s) {
  std::size_t n = 1;
  bool empty = false;
  for (int i = 0; i < R; ++i) {
    if (s[i] < 0) throw error("size of an array", "extents of 0 or more", to_string(s));
    empty = empty || s[i] == 0;
  }
  for (int i = 0; i < R && !empty; ++i) {
    if (n > most / static_cast<std::size_t>(s[i])) refuse("extents " + to_string(s));
    n *= static_cast<std::size_t>(s[i]);
  }
  return empty ? 0 : n;
}
template <class T, int R>
FRCNN_PER_BUILD std::size_t bytes(shape<R> const& s) {
  return bytes<T>(elements(s));
}

FRCNN_PER_BUILD inline std::int32_t extent(std::size_t n) {
  constexpr std::size_t largest = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  if (n > largest) throw error("extent of an array", "at most " + std::to_string(largest) + " elements", std::to_string(n));
  return static_cast<std::int32_t>(n);
}

}  // namespace frcnn::checked
FRCNN_HIDDEN_END
