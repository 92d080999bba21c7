#pragma once
// Which part of a work on images is a process's, where several share it: of each batch, or every N-th image of a data set.
//
// Example: the second of three processes has images 1, 4 and 7 of 8: batch_share{1, 3}.count(8) is 3, .index(2) is 7
#include "frcnn/config.hpp"

#include <cstddef>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct batch_share {
  int process = 0, processes = 1;

  // Of the processes behind a communicator; null: one process alone, which has all.
  template <class Communicator>
  static batch_share of(Communicator const* others) {
    return others ? batch_share{others->rank(), others->size()} : batch_share();
  }

  // Which of all is its k-th, and how many of them are its own.
  constexpr std::size_t index(std::size_t k) const { return static_cast<std::size_t>(process) + k * static_cast<std::size_t>(processes); }
  constexpr std::size_t count(std::size_t all) const { return index(0) < all ? (all - index(0) - 1) / (index(1) - index(0)) + 1 : 0; }
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
