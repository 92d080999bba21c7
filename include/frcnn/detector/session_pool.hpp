#pragma once
// Sessions that wait between calls: a call borrows one, or makes one when none waits, and gives it back.
//
//   session_pool<session>::loan s(pool, [&] { return std::make_unique<session>(d); });   *s: until the end of the block
// At most keep() of them wait; what comes back beyond that is destroyed, so a burst of callers leaves its memory to others. trim() destroys
// all that wait, and has the C library give to the system what is free. Safe from several threads. Giving back allocates nothing.
#include "frcnn/config.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Session>
class session_pool {
 public:
  // As many as can compute at once, within reason.
  static std::size_t default_size() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, 16); }

  session_pool() { keep(default_size()); }

  void keep(std::size_t most) {
    std::vector<std::unique_ptr<Session>> surplus;  // destroyed outside of the lock
    std::lock_guard const lock(guard_);
    idle_.reserve(most);
    size_ = most;
    if (idle_.size() <= most) return;
    surplus.reserve(idle_.size() - most);
    for (; idle_.size() > most; idle_.pop_back()) surplus.push_back(std::move(idle_.back()));
  }
  void trim() noexcept {
    while (auto const one = taken()) {
    }
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
  }
  std::size_t idle() const {
    std::lock_guard const lock(guard_);
    return idle_.size();
  }

  class loan {
   public:
    template <class Make>
    loan(session_pool& p, Make make) : pool_(p), session_(p.taken()) {
      if (!session_) session_ = make();
    }
    ~loan() {
      std::lock_guard const lock(pool_.guard_);
      if (pool_.idle_.size() < pool_.size_) pool_.idle_.push_back(std::move(session_));  // within what keep() reserved
    }
    loan(loan const&) = delete;
    loan& operator=(loan const&) = delete;
    Session& operator*() const { return *session_; }

   private:
    session_pool& pool_;
    std::unique_ptr<Session> session_;  // destroyed after the lock, where it stays
  };

 private:
  // One that waits, if one does.
  std::unique_ptr<Session> taken() noexcept {
    std::lock_guard const lock(guard_);
    if (idle_.empty()) return nullptr;
    auto one = std::move(idle_.back());
    idle_.pop_back();
    return one;
  }

  mutable std::mutex guard_;
  std::vector<std::unique_ptr<Session>> idle_;
  std::size_t size_ = 0;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
