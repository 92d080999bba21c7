#pragma once
// recorded(context, describe, f): f's work is queued, or replayed where the device has recorded what an equal call queued before.
//
//   describe(key)   adds all that f's work depends on and that may differ between calls: whose it is, and shapes and addresses of what it
//                   reads and writes. What is at these addresses is none of it: values in device memory are read anew by each replay
//   f()             queues work and does nothing else: no wait, no copy to or from the host, no allocation from its second call on. It
//                   returns a number, which a replay returns again
// A device that records has context.recorded(key, f) (backend/cuda/graph_cache.hpp says when); on others f is called, and nothing described.
//
// Example: recorded(c, [&](call_key& key) { key.add(in); key.add(out); }, [&] { exec<B>::for_each(c, n, twice{in, out}); return 0; });
#include "frcnn/core/counted.hpp"
#include "frcnn/core/view.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class call_key {
 public:
  static constexpr std::size_t most = 64;

  void add(std::uint64_t number) {
    FRCNN_ASSERT(size_ < most);
    if (size_ < most) words_[size_++] = number;
    else is_whole_ = false;
  }
  void add(void const* address) { add(std::uint64_t{reinterpret_cast<std::uintptr_t>(address)}); }
  template <class T, int R, Backend B>
  void add(view<T, R, B> const& v) {
    add(static_cast<void const*>(v.data));
    for (int i = 0; i < R; ++i) add(static_cast<std::uint64_t>(v.dims[i]));
  }
  template <class T, int R, Backend B>
  void add(counted<T, R, B> const& set) {
    add(set.rows);
    add(set.count);
  }
  // Whether all that was added is in it.
  bool is_whole() const noexcept { return is_whole_; }

  friend bool operator<(call_key const& a, call_key const& b) {
    return std::lexicographical_compare(a.words_.begin(), a.words_.begin() + a.size(), b.words_.begin(), b.words_.begin() + b.size());
  }

 private:
  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(size_); }

  std::array<std::uint64_t, most> words_{};
  std::size_t size_ = 0;
  bool is_whole_ = true;
};

template <class Context, class Describe, class F>
std::uint64_t recorded(Context& c, Describe const& describe, F const& f) {
  if constexpr (requires(call_key const& key) { c.recorded(key, f); }) {
    call_key key;
    describe(key);
    return c.recorded(key, f);
  } else {
    return f();
  }
}

}  // namespace frcnn
FRCNN_HIDDEN_END
