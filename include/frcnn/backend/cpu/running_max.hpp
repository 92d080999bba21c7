#pragma once
// A running maximum over cells of a map, for all channels at once, with its position: the inner step of max_pool and roi_pool.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/core/finite.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// best [channels] = max(best, map[cell]), winner (nullptr: not wanted) = cell where it won; the earlier of equals stays.
// A NaN wins, and stays: the loss must see it.
template <class T>
void take_better(T const* map, std::int32_t cell, std::size_t channels, T* best, std::int32_t* winner) {
  T const* const v = map + static_cast<std::size_t>(cell) * channels;
  if (winner) {
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < channels; ++i) {
      bool const better = !is_nan(best[i]) && (is_nan(v[i]) || v[i] > best[i]);
      best[i] = better ? v[i] : best[i];
      winner[i] = better ? cell : winner[i];
    }
  } else {
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < channels; ++i) best[i] = !is_nan(best[i]) && (is_nan(v[i]) || v[i] > best[i]) ? v[i] : best[i];
  }
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
