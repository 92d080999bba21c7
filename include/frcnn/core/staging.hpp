#pragma once
// The host's side of copies that run later: memory that stays alive, and unchanged, until they have run.
//
//   staging    uploads: send() takes the values as they are now and queues their copy
//   readback   one download: start() queues the copy of what is on the device at that point of the order, get() waits for it
// Where the device's memory is the host's, send() copies at once and nothing is staged.
//
// Example: staging<double, B> rate;  rate.send(c, {&lr, 1}, device);  lr = 0;       the device gets what lr was
//          readback<float, B> loss;  loss.start(c, device, 4);  ...  loss.get()[0]  as of start(), whatever ran since
#include "frcnn/core/checked.hpp"
#include "frcnn/core/grow.hpp"
#include "frcnn/core/view.hpp"

#include <cstring>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, Backend B>
class staging {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Never waits: while copies out of all blocks still stand in the queue, there is one block more.
  void send(typename B::context& c, std::span<T const> from, T* to) {
    if (from.empty()) return;
    if constexpr (B::in_host_memory) {
      c.copy_in(to, from.data(), from.size_bytes());
    } else {
      block& b = free_block(c, from.size_bytes());
      std::memcpy(b.memory.data(), from.data(), from.size_bytes());
      c.copy_in(to, b.memory.data(), from.size_bytes());
      b.copied.record(c);
    }
  }
  std::size_t blocks() const noexcept { return blocks_.size(); }

 private:
  struct block {
    typename B::host_memory memory;
    std::size_t bytes = 0;
    typename B::event copied;
  };

  block& free_block(typename B::context& c, std::size_t bytes) {
    for (block& b : blocks_) {
      if (!b.copied.done()) continue;
      grow(b.memory, b.bytes, bytes, [&] { return c.allocate_host(bytes); });
      return b;
    }
    blocks_.emplace_back();
    grow(blocks_.back().memory, blocks_.back().bytes, bytes, [&] { return c.allocate_host(bytes); });
    return blocks_.back();
  }

  std::vector<block> blocks_;
};

template <class T, Backend B>
class readback {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Room for n elements, so that start() allocates nothing. The last one's values are given up.
  void reserve(typename B::context& c, std::size_t n) {
    copied_.wait();
    count_ = 0;
    std::size_t const bytes = checked::bytes<T>(n);
    grow(memory_, bytes_, bytes, [&] { return c.allocate_host(bytes); });
  }
  // One at a time: the last one's values are given up.
  void start(typename B::context& c, T const* from, std::size_t n) {
    reserve(c, n);
    std::size_t const bytes = n * sizeof(T);
    if (n) c.copy_out(memory_.data(), from, bytes);
    copied_.record(c);
    count_ = n;
  }
  std::span<T const> get() const {
    copied_.wait();
    return {static_cast<T const*>(memory_.data()), count_};
  }

 private:
  typename B::host_memory memory_;
  std::size_t bytes_ = 0, count_ = 0;
  typename B::event copied_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
