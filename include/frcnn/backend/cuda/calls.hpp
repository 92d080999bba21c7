#pragma once
// What every call of a CUDA context is asked for first: whether it may be made now, and the count of those that wait.
//
// While a CUDA graph is captured, work may be queued, and nothing else: a call that waits for the device is an error that names it, and so is
// one that allocates (a replayed graph would not allocate again), and one about an event of the host's (CUDA refuses to be asked then, and
// an event that is recorded into a graph says nothing to the host). Both contexts, the device's and the host's, ask here, so that what a
// captured `detect` or `step` calls is proved on a machine without a GPU.
//
// Example: calls k;  k.capture(true);  k.admit("cudaStreamSynchronize", calls::waits);
//          "cudaStreamSynchronize: expected calls that queue work while a CUDA graph is captured, found one that waits for the device"
#include "frcnn/core/error.hpp"

#include <atomic>
#include <cstddef>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

class cuda_calls {
 public:
  enum kind { queues, waits, allocates, asks };

  void admit(char const* call, kind k) {
    if (k == queues) return;
    if (is_capturing_)
      throw error(call, "calls that queue work while a CUDA graph is captured",
                  k == waits       ? "one that waits for the device"
                  : k == allocates ? "one that allocates memory"
                                   : "one by which the host asks what has run");
    if (k == waits) count_wait();
  }
  // A wait that could not be asked for: of what gives memory back and may not throw.
  void count_wait() noexcept { waits_.fetch_add(1, std::memory_order_relaxed); }
  void capture(bool is_on) noexcept { is_capturing_ = is_on; }
  bool is_capturing() const noexcept { return is_capturing_; }
  std::size_t waited() const noexcept { return waits_; }

  // Device memory is given back: of any context, since memory that a graph uses need not be its context's.
  static void count_free() noexcept { frees().fetch_add(1, std::memory_order_relaxed); }
  static std::size_t freed() noexcept { return frees(); }

 private:
  static std::atomic<std::size_t>& frees() noexcept {
    static std::atomic<std::size_t> n{0};
    return n;
  }

  std::atomic<bool> is_capturing_{false};
  std::atomic<std::size_t> waits_{0};
};

// Until its end a context is captured, or acts as if it were.
template <class Context>
class capture_scope {
 public:
  explicit capture_scope(Context& c) : calls_(c.calls()) { calls_.capture(true); }
  ~capture_scope() { calls_.capture(false); }
  capture_scope(capture_scope const&) = delete;
  capture_scope& operator=(capture_scope const&) = delete;

 private:
  cuda_calls& calls_;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
