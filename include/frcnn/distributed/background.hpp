#pragma once
// Work that a second thread does, in the order in which it was given, while the caller computes.
//
//   push(f)   f() runs after all that was pushed before. An exception of it is thrown by the next wait(); what comes behind it is dropped
//   wait()    returns when all is done. While the caller waits, waited_for() is true: work that polls need not be patient then
// One thread pushes and waits. What is pushed may be destroyed behind it: the destructor does what is left.
#include "frcnn/config.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed {

class background {
 public:
  background() : thread_([this] { work(); }) {}
  background(background const&) = delete;
  background& operator=(background const&) = delete;
  ~background() {
    {
      std::lock_guard const lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void push(std::function<void()> f) {
    {
      std::lock_guard const lock(mutex_);
      if (thrown_) return;  // what comes behind it is dropped
      left_.push_back(std::move(f));
    }
    changed_.notify_all();
  }
  void wait() {
    waited_for_ = true;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return left_.empty() && !busy_; });
    waited_for_ = false;
    if (auto const e = std::exchange(thrown_, nullptr)) std::rethrow_exception(e);
  }
  bool is_idle() const {
    std::lock_guard const lock(mutex_);
    return left_.empty() && !busy_ && !thrown_;
  }
  bool waited_for() const noexcept { return waited_for_; }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !left_.empty(); });
      if (left_.empty()) return;
      auto const f = std::move(left_.front());
      left_.pop_front();
      busy_ = true;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        f();
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      busy_ = false;
      if (thrown) thrown_ = thrown, left_.clear();
      if (left_.empty()) changed_.notify_all();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> left_;
  std::exception_ptr thrown_;
  bool busy_ = false, stopping_ = false;
  std::atomic<bool> waited_for_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace frcnn::inline FRCNN_ABI::distributed
FRCNN_HIDDEN_END
