#pragma once
// A group of threads beside the calling one, smaller than asked for where the system starts no more.
//
// A thread that cannot be started (a limit on processes, no memory for its stack) is done without. So work is shared out such that the
// calling thread alone would finish it too.
//
// Example: std::atomic<int> next{0};
//          auto const work = [&] { for (int i; (i = next++) < 100;) render(i); };
//          helping_threads others(3, work);   // 3 or fewer
//          work();
//          others.join();
#include "frcnn/config.hpp"

#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class helping_threads {
 public:
  helping_threads() = default;
  template <class F>
  helping_threads(std::size_t wanted, F const& work) {
    start(wanted, work);
  }
  helping_threads(helping_threads const&) = delete;
  helping_threads& operator=(helping_threads const&) = delete;
  ~helping_threads() { join(); }

  // Each thread calls a copy of `work`, which must not throw.
  template <class F>
  void start(std::size_t wanted, F const& work) noexcept {
    try {
      threads_.reserve(threads_.size() + wanted);
      for (std::size_t i = 0; i < wanted; ++i) threads_.emplace_back(work);
    } catch (std::exception const&) {  // those that run are enough
    }
  }
  void join() noexcept {
    for (auto& t : threads_) t.join();
    threads_.clear();
  }
  std::size_t size() const noexcept { return threads_.size(); }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
