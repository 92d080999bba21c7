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

// f(i) for every i in [0, n), in any order; threads = 0: as many as there are cores, and fewer
// where the system starts no more. The first exception ends the loop and is thrown here.
template <class F>
void for_each_in_parallel(std::size_t n, int threads, F const& f) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  auto const work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < n;) try {
        f(i);
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

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
