#pragma once
// Batches made ahead of their use by background threads of the lowest priority.
//
//   plan(batch, requests)   fills in what the items of a batch are made from; none: there is no such batch. Called for one batch after the
//                           other, never by two threads at once
//   make(request, item)     makes one item over an old one, whose memory it may reuse. Called by several threads at once, but each has
//                           its own copy of the function, so that what it captures by value is the thread's own
//
// 1. workers make the items of the next `depth` batches, in order; each into an item of its own, which it then swaps into the batch
// 2. next() waits for its batch and lends it until the next call; where its items are not begun it makes them itself
// 3. where they are begun but do not come (on a busy machine the lowest priority may not run at all), it makes them once more after a
//    while, and the first of the two counts: a starving worker costs time, never progress
// 4. what the workers are making when the prefetcher ends is given up (core/abandon.hpp), so that nobody waits for a starving worker
// What a batch holds is a function of its index alone, so that none of this is seen in the results. Items circulate: once all have been as
// large as they get, nothing is allocated.
//
// An exception of make() is thrown by the next() that asks for its batch, and again until seek().
#include "frcnn/core/abandon.hpp"
#include "frcnn/core/threads.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// The calling thread runs only where nobody else wants to, as far as the system knows such a thing.
inline void take_lowest_priority() noexcept {
#if defined(__linux__)
  sched_param const none{};
  if (::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &none) != 0)
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
#endif
}

template <class Item, class Request>
class prefetcher {
 public:
  using plan_function = std::function<void(std::uint64_t batch, std::vector<Request>& requests)>;
  using make_function = std::function<void(Request const&, Item&)>;

  // workers: 0, or none that the system starts, makes everything in next(). depth: batches in memory, the one that the caller has included;
  // at least 2.
  prefetcher(plan_function plan, make_function make, int workers = 1, int depth = 4)
      : plan_(std::move(plan)), make_(std::move(make)), slots_(static_cast<std::size_t>(depth < 2 ? 2 : depth)) {
    open_batches();
    workers_.start(static_cast<std::size_t>(workers), [this, mine = make_]() mutable { work(mine); });
  }
  prefetcher(prefetcher const&) = delete;
  prefetcher& operator=(prefetcher const&) = delete;
  ~prefetcher() {
    {
      std::lock_guard const lock(mutex_);
      stopping_ = true;
    }
    wanted_.notify_all();
    workers_.join();
  }

  // The items of batch position(), which then moves on; empty at the end. They are the caller's until next() or seek() is called again.
  std::span<Item const> next() {
    std::unique_lock lock(mutex_);
    handed_out_ = false;
    open_batches();
    wanted_.notify_all();
    slot& s = at(position_);
    if (s.batch != position_ || s.requests.empty()) return {};
    while (s.finished < s.requests.size()) {
      if (s.error) break;
      std::size_t item = s.begun;
      if (item < s.requests.size()) {
        ++s.begun;
      } else {
        if (ready_.wait_for(lock, patience, [&] { return s.error || s.finished == s.requests.size(); })) continue;
        for (item = 0; s.done[item];) ++item;
      }
      make_one({generation_, position_, item}, lock, make_, mine_);
    }
    if (s.error) std::rethrow_exception(s.error);
    handed_out_ = true;
    ++position_;
    return {s.items.data(), s.requests.size()};
  }

  // The next batch is this one, whatever came before. Batches made ahead are dropped.
  void seek(std::uint64_t batch) {
    std::lock_guard const lock(mutex_);
    ++generation_;
    position_ = opened_ = batch;
    handed_out_ = ended_ = false;
    for (slot& s : slots_) s.batch = nowhere;
    open_batches();
    wanted_.notify_all();
  }

  std::uint64_t position() const {
    std::lock_guard const lock(mutex_);
    return position_;
  }

 private:
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};
  static constexpr std::chrono::milliseconds patience{10};  // twice what a photo takes

  struct slot {
    std::uint64_t batch = nowhere;
    std::vector<Request> requests;
    std::vector<Item> items;
    std::vector<std::uint8_t> done;
    std::size_t begun = 0, finished = 0;
    std::exception_ptr error;
  };
  struct ticket {
    std::uint64_t generation, batch;
    std::size_t item;
  };

  slot& at(std::uint64_t batch) { return slots_[static_cast<std::size_t>(batch % slots_.size())]; }

  // The mutex is held in all that follows, but while make() runs.
  void open_batches() {
    for (; !ended_ && opened_ < position_ - (handed_out_ ? 1 : 0) + slots_.size(); ++opened_) {
      slot& s = at(opened_);
      s.batch = opened_;
      s.requests.clear();
      plan_(opened_, s.requests);
      ended_ = s.requests.empty();
      if (s.items.size() < s.requests.size()) s.items.resize(s.requests.size());
      s.done.assign(s.requests.size(), 0);
      s.begun = s.finished = 0;
      s.error = nullptr;
    }
  }

  bool find_work(ticket& t) {
    for (std::uint64_t b = position_; b < opened_; ++b)
      if (slot& s = at(b); s.begun < s.requests.size() && !s.error) {
        t = {generation_, b, s.begun++};
        return true;
      }
    return false;
  }

  void make_one(ticket t, std::unique_lock<std::mutex>& lock, make_function& make, Item& mine) {
    std::exception_ptr error;
    try {
      Request const request = at(t.batch).requests[t.item];
      lock.unlock();
      make(request, mine);
    } catch (...) {
      error = std::current_exception();
    }
    if (!lock.owns_lock()) lock.lock();
    slot& s = at(t.batch);
    if (t.generation != generation_ || t.batch != s.batch || s.done[t.item]) return;  // nobody waits for it any more
    if (error) {
      s.error = error;
    } else {
      std::swap(s.items[t.item], mine);
      s.done[t.item] = 1;
      ++s.finished;
    }
    if (error || s.finished == s.requests.size()) ready_.notify_all();
  }

  void work(make_function& make) {
    take_lowest_priority();
    abandonable const given_up(stopping_);
    Item mine{};
    std::unique_lock lock(mutex_);
    for (ticket t{};;) {
      wanted_.wait(lock, [&] { return stopping_ || find_work(t); });
      if (stopping_) return;
      make_one(t, lock, make, mine);
    }
  }

  plan_function plan_;
  make_function make_;
  Item mine_{};  // of the thread that calls next()
  mutable std::mutex mutex_;
  std::condition_variable wanted_, ready_;
  std::vector<slot> slots_;
  std::uint64_t generation_ = 0;  // raised by seek()
  std::uint64_t position_ = 0;    // the batch that next() gives
  std::uint64_t opened_ = 0;      // batches before it are planned
  bool handed_out_ = false, ended_ = false;
  std::atomic<bool> stopping_{false};
  helping_threads workers_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
