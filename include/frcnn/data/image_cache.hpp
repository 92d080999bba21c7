#pragma once
// Images kept in memory up to a budget, first come, never dropped: what the loader would otherwise decode again each epoch.
//
// Any number of threads may find and store at once; an image that was found stays where it is as long as the cache lives.
#include "frcnn/core/image.hpp"

#include <atomic>
#include <cstddef>
#include <new>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class image_cache {
 public:
  image_cache(std::size_t images, std::size_t bytes) : entries_(images), room_(static_cast<std::ptrdiff_t>(bytes)) {}

  image const* find(std::size_t id) const {
    entry const& e = entries_[id];
    return e.state.load(std::memory_order_acquire) == ready ? &e.pixels : nullptr;
  }

  // Keeps a copy where there is room for it and nobody else was first.
  void store(std::size_t id, image const& im) {
    entry& e = entries_[id];
    auto const size = static_cast<std::ptrdiff_t>(im.pixels.size());
    unsigned char expected = empty;
    if (room_.load(std::memory_order_relaxed) < size || !e.state.compare_exchange_strong(expected, taken, std::memory_order_relaxed))
      return;
    if (room_.fetch_sub(size, std::memory_order_relaxed) < size) {
      room_.fetch_add(size, std::memory_order_relaxed);
      e.state.store(empty, std::memory_order_relaxed);
      return;
    }
    try {
      e.pixels = im;
    } catch (std::bad_alloc const&) {  // it is decoded again
      room_.fetch_add(size, std::memory_order_relaxed);
      e.state.store(empty, std::memory_order_relaxed);
      return;
    }
    e.state.store(ready, std::memory_order_release);
  }

 private:
  enum state_type : unsigned char { empty, taken, ready };
  struct entry {
    std::atomic<unsigned char> state{empty};
    image pixels;
  };
  std::vector<entry> entries_;
  std::atomic<std::ptrdiff_t> room_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
