#pragma once
// A loop on several threads whose turns take any order: files to check, scenes to draw, groups to match.
#include "frcnn/core/threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Every i in [0, n), in any order; make() gives each thread a function of i. threads = 0: as many as there are cores, and fewer where the
// system starts no more. An exception ends the loop. That of the smallest i is thrown here, as by one thread: whatever is smaller has begun
// before, and is waited for.
template <class Make>
void for_each_by_own(std::size_t n, int threads, Make const& make) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::size_t failed = n;
  std::mutex failing;
  auto const work = [&] {
    std::size_t i = n;
    try {
      auto f = make();
      while ((i = next.fetch_add(1)) < n) f(i);
    } catch (...) {
      std::lock_guard const lock(failing);
      if (!failure || i < failed) failure = std::current_exception(), failed = i;
      next = n;
    }
  };
  std::size_t const wanted = threads > 0 ? static_cast<std::size_t>(threads) : std::max(1u, std::thread::hardware_concurrency());
  helping_threads others(std::min(wanted, std::max<std::size_t>(n, 1)) - 1, work);
  work();
  others.join();
  if (failure) std::rethrow_exception(failure);
}

// The same with one function for all threads.
template <class F>
void for_each_in_parallel(std::size_t n, int threads, F const& f) {
  for_each_by_own(n, threads, [&f] { return [&f](std::size_t i) { f(i); }; });
}

// Counts the turns of a loop that are done: tell(done, all), one call at a time, from any thread. It may throw, to leave the loop; an empty
// one is not called. tell outlives this.
class turn_counter {
 public:
  using teller = std::function<void(std::size_t, std::size_t)>;
  turn_counter(teller const& tell, std::size_t all) : tell_(tell), all_(all) {}
  void add() {
    if (!tell_) return;
    std::lock_guard const lock(telling_);
    tell_(++done_, all_);
  }

 private:
  teller const& tell_;
  std::size_t all_, done_ = 0;
  std::mutex telling_;
};

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
