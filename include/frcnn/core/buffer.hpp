#pragma once
// Owned device memory that grows to its high-water mark and is reused: what tapes, stores and loaders keep between steps.
//
// Invariant: data() has capacity() elements, also after an allocation that failed: the buffer is empty then, and may be asked again.
// A size that wraps is a frcnn::error (core/checked.hpp), one that the device has not is what B::allocate throws.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/view.hpp"

#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, Backend B>
class buffer {
 public:
  buffer() = default;
  explicit buffer(std::size_t n) { reserve(n); }
  buffer(buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~buffer() { B::deallocate(data_); }

  // At least n elements. Growing loses the contents (they are undefined, not zero); not growing keeps them.
  T* reserve(std::size_t n) {
    if (n > capacity_) {
      std::size_t const bytes = checked::bytes<T>(n);
      capacity_ = 0;  // old memory goes first: both at once would be the peak
      B::deallocate(std::exchange(data_, nullptr));
      data_ = static_cast<T*>(B::allocate(bytes));
      capacity_ = n;
    }
    return data_;
  }

  template <int R>
  view<T, R, B> shaped(shape<R> s) {
    return {reserve(checked::elements(s)), s};
  }

  T* data() const noexcept { return data_; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  T* data_ = nullptr;
  std::size_t capacity_ = 0;
};

// A copy of a view on the host, and back. Synchronises: for tests, files and hooks, never inside detect or step.
template <class T, int R, Backend B>
std::vector<std::remove_const_t<T>> to_host(view<T, R, B> v) {
  std::vector<std::remove_const_t<T>> host(v.size());
  if (v.size()) B::copy_out(host.data(), v.data, v.size() * sizeof(T));
  return host;
}
template <class T, int R, Backend B>
void from_host(std::vector<T> const& host, view<T, R, B> v) {
  FRCNN_ASSERT(host.size() == v.size());
  if (v.size()) B::copy_in(v.data, host.data(), v.size() * sizeof(T));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
