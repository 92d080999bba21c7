#pragma once
// The extents of a dense array, outermost first.
#include "frcnn/config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

template <int R>
struct shape {
  std::int32_t d[R];

  FRCNN_PER_BUILD FRCNN_HD constexpr std::int32_t operator[](int i) const { return d[i]; }
  FRCNN_PER_BUILD FRCNN_HD constexpr std::int32_t& operator[](int i) { return d[i]; }

  // Number of elements.
  FRCNN_PER_BUILD FRCNN_HD constexpr std::size_t size() const {
    std::size_t n = 1;
    for (int i = 0; i < R; ++i) n *= static_cast<std::size_t>(d[i]);
    return n;
  }

  FRCNN_PER_BUILD FRCNN_HD friend constexpr bool operator==(shape const& a, shape const& b) {
    for (int i = 0; i < R; ++i)
      if (a.d[i] != b.d[i]) return false;
    return true;
  }
};

// "[2,3,600,800]", for error messages.
template <int R>
FRCNN_PER_BUILD std::string to_string(shape<R> const& s) {
  std::string text = "[";
  for (int i = 0; i < R; ++i) {
    if (i) text += ',';
    text += std::to_string(s[i]);
  }
  text += ']';
  return text;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
