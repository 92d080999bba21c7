#pragma once
// Owned device memory that grows to its high-water mark and is reused: what tapes, stores and loaders keep between steps.
//
// It is made in a context, and given back there (the owner of its block remembers which): work that was queued before still finds it.
// Invariant: data() has capacity() elements, also after an allocation that failed: the buffer is empty then, and may be asked again.
// A size that wraps is a frcnn::error (core/checked.hpp), one that the device has not is what allocate throws.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/grow.hpp"
#include "frcnn/core/view.hpp"

#include <cstring>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, Backend B>
class buffer {
 public:
  using context = typename B::context;

  buffer() = default;
  buffer(context& c, std::size_t n) { reserve(c, n); }
  buffer(buffer&& other) noexcept : memory_(std::move(other.memory_)), capacity_(std::exchange(other.capacity_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  // At least n elements. Growing loses the contents (they are undefined, not zero); not growing keeps them.
  T* reserve(context& c, std::size_t n) {
    grow(memory_, capacity_, n, [&c, bytes = checked::bytes<T>(n)] { return c.allocate(bytes); });
    return data();
  }

  template <int R>
  view<T, R, B> shaped(context& c, shape<R> s) {
    return {reserve(c, checked::elements(s)), s};
  }

  // The same as feature maps [N, C, H, W] in the engine's layout.
  auto map(context& c, shape<4> s) { return c.template make_at<T>(reserve(c, c.template storage<T>(s)), s); }

  T* data() const noexcept { return static_cast<T*>(memory_.data()); }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  typename B::memory memory_;
  std::size_t capacity_ = 0;
};

// A copy of a view on the host, and back, in the order of the context. They wait: for tests, files and hooks, never inside detect or step.
template <class T, int R, Backend B>
std::vector<std::remove_const_t<T>> to_host(typename B::context& c, view<T, R, B> v) {
  std::vector<std::remove_const_t<T>> host(v.size());
  if (v.size()) c.copy_out(host.data(), v.data, v.size() * sizeof(T));
  c.wait();
  return host;
}
template <class T, int R, Backend B>
void from_host(typename B::context& c, std::vector<T> const& host, view<T, R, B> v) {
  FRCNN_ASSERT(host.size() == v.size());
  if (v.size()) c.copy_in(v.data, host.data(), v.size() * sizeof(T));
  c.wait();
}

// The same where the device's memory is the host's: for tests and benchmarks of such a device.
template <class T, int R, Backend B>
requires(B::in_host_memory) std::vector<std::remove_const_t<T>> to_host(view<T, R, B> v) { return {v.data, v.data + v.size()}; }
template <class T, int R, Backend B>
requires(B::in_host_memory) void from_host(std::vector<T> const& host, view<T, R, B> v) {
  FRCNN_ASSERT(host.size() == v.size());
  if (v.size()) std::memcpy(v.data, host.data(), v.size() * sizeof(T));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
