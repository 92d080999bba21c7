#pragma once
// Sets whose size only the device knows.
//
//   rows   [N, K, ...]  K is the capacity, known on the host
//   count  [N]          live rows of each image, on the device
// Invariant: rows past the count are T{} (zero) and weigh nothing. Nobody on the path of detect or step reads a count on the host.
#include "frcnn/core/view.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, int R, Backend B>
struct counted {
  view<T, R, B> rows;
  view<std::int32_t, 1, B> count;

  template <class U>
  requires(!std::same_as<U, T> && std::same_as<U, T const>) FRCNN_HD constexpr operator counted<U, R, B>() const { return {rows, count}; }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
