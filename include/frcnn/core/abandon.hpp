#pragma once
// Work ahead that may be given up in its middle: an image that is being decoded when nobody wants it any more.
//
//   abandonable scope(flag)   from here to the scope's end this thread's work is given up once the flag is set
//   stop_if_abandoned()       between two short pieces of work, rows of an image: throws abandoned where it is
//   is_abandoned()            the same where nothing may be thrown, over frames of C code
// Outside of such a scope nothing is ever given up. What throws is no std::exception: it is nobody's fault.
//
// Why: a thread of the lowest priority gets a thousandth of a processor that others keep busy. Who waits for its end waits a second
// for each millisecond of its work.
#include "frcnn/config.hpp"

#include <atomic>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct abandoned {};

class abandonable {
 public:
  // flag: the caller's, and outlives the scope.
  explicit abandonable(std::atomic<bool> const& flag) noexcept : before_(current()) { current() = &flag; }
  abandonable(abandonable const&) = delete;
  abandonable& operator=(abandonable const&) = delete;
  ~abandonable() { current() = before_; }

  static std::atomic<bool> const*& current() noexcept {
    thread_local std::atomic<bool> const* flag = nullptr;
    return flag;
  }

 private:
  std::atomic<bool> const* before_;
};

inline bool is_abandoned() noexcept {
  auto const* const flag = abandonable::current();
  return flag && flag->load(std::memory_order_relaxed);
}
inline void stop_if_abandoned() {
  if (is_abandoned()) throw abandoned();
}

}  // namespace frcnn
FRCNN_HIDDEN_END
