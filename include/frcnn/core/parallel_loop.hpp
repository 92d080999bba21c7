#pragma once
// A loop on several threads whose turns take any order: files to check, scenes to draw, groups to match.
#include "frcnn/core/threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Every i in [0, n), in any order; make() gives each thread a function of i. threads = 0: as many as there are cores, and fewer where the
// system starts no more. The first exception ends the loop and is thrown here.
template <class Make>
void for_each_by_own(std::size_t n, int threads, Make const& make) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  auto const work = [&] {
    try {
      auto f = make();
      for (std::size_t i; (i = next.fetch_add(1)) < n;) f(i);
    } catch (...) {
      std::lock_guard const lock(failing);
      if (!failure) failure = std::current_exception();
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

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
