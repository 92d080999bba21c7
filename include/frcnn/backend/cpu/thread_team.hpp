#pragma once
// A context's own threads for parallel loops. A loop ends when its work is done, and waits for those helpers only that have entered it: a
// helper that the system does not schedule in time, on a busy machine, delays no other thread.
//
//   thread_team team(2);                   the caller, and one helper, which is started by the first loop
//   team.run(f, loop, members)             f(loop, 0) here, f(loop, m) on each helper m < members that arrives before f(loop, 0) returns
// f must not throw, and must find out by itself that no work is left. Helpers look for the next loop for some hundred microseconds, then
// they sleep. A thread that the system refuses is done without. In a child of fork() helpers are started anew. Denormals are zero in
// helpers.
//
// Why not OpenMP: its loops end when every thread has arrived, and its threads look for work for milliseconds.
#include "frcnn/backend/cpu/flush_denormals.hpp"
#include "frcnn/core/threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>
#if defined(__unix__)
#include <pthread.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class thread_team {
 public:
  using work = void (*)(void* loop, int member);

  explicit thread_team(int members) : members_(std::max(members, 1)), shares_(static_cast<std::size_t>(members_)) {}
  thread_team(thread_team const&) = delete;
  thread_team& operator=(thread_team const&) = delete;
  ~thread_team() { abandon_in_a_child(); }

  bool is_running() const { return running_; }

  void run(work f, void* loop, int members) {
    abandon_in_a_child();
    if (!crew_) crew_ = std::make_unique<crew>(members_ - 1);
    running_ = true;
    crew_->run(f, loop, members);
    running_ = false;
  }

  // A member's part of a loop: blocks [begin, end), 32 bits each. The owner takes from the front, others from the back.
  struct alignas(64) share {
    std::atomic<std::uint64_t> blocks{0};
  };
  share* shares() { return shares_.data(); }

 private:
  static void relax() {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
  }
  // Until `at` is not `old`: for a number of looks, then asleep.
  static std::uint32_t changed(std::atomic<std::uint32_t> const& at, std::uint32_t old, int looks) {
    for (int i = 0; i < looks; ++i, relax())
      if (std::uint32_t const now = at.load(std::memory_order_acquire); now != old) return now;
    for (;;) {
      at.wait(old, std::memory_order_acquire);
      if (std::uint32_t const now = at.load(std::memory_order_acquire); now != old) return now;
    }
  }

  // The helpers, and the loop that they are called to.
  class crew {
   public:
    explicit crew(int helpers) {
      unsigned const processors = std::thread::hardware_concurrency();
      looks_ = processors > 0 && static_cast<unsigned>(helpers) >= processors ? 1 : 10000;  // more threads than processors: they sleep
      threads_.start(static_cast<std::size_t>(helpers), [this] { help(); });
    }
    ~crew() {
      ends_ = true;
      call();
      threads_.join();
    }

    void run(work f, void* loop, int members) {
      if (threads_.size() == 0) return f(loop, 0);
      f_ = f;
      loop_ = loop;
      members_ = members;
      ++loops_;
      gate_.store(open);
      call();
      f(loop, 0);
      for (std::uint32_t inside = gate_.fetch_and(~open) & ~open; inside != 0;) inside = changed(gate_, inside, looks_ / 10);
    }

   private:
    static constexpr std::uint32_t open = 1u << 31;  // of the gate: helpers may enter; below it, how many are inside

    void call() {
      calls_.fetch_add(1);
      calls_.notify_all();
    }
    void help() {
      flush_denormals const flush;
      int const member = 1 + helpers_.fetch_add(1);
      std::uint64_t served = 0;  // a helper that is late for one call may find the next loop before its call: once is enough
      for (std::uint32_t seen = 0; !ends_;) {
        seen = changed(calls_, seen, looks_);
        if (!enter()) continue;
        if (member < members_ && std::exchange(served, loops_) != loops_) f_(loop_, member);
        if (gate_.fetch_sub(1) == 1) gate_.notify_one();  // the gate is closed, and the caller may wait
      }
    }
    bool enter() {
      for (std::uint32_t at = gate_.load(); at & open;)
        if (gate_.compare_exchange_weak(at, at + 1)) return true;
      return false;
    }

    work f_ = nullptr;
    void* loop_ = nullptr;
    int members_ = 0, looks_ = 0;
    std::uint64_t loops_ = 0;  // how many there were; what belongs to one is written before the gate opens
    std::atomic<int> helpers_{0};
    std::atomic<bool> ends_{false};
    alignas(64) std::atomic<std::uint32_t> calls_{0};
    alignas(64) std::atomic<std::uint32_t> gate_{0};
    helping_threads threads_;
  };

  // The helpers of a parent are not in its child: what is left of them there is given up, not joined.
  void abandon_in_a_child() {
    std::uint64_t const now = generation();
    if (crew_ && born_ != now) static_cast<void>(crew_.release());
    born_ = now;
  }
  // How many times this process, and its parents before it, have been made by fork() since a team was first used.
  static std::uint64_t generation() {
#if defined(__unix__)
    static std::atomic<std::uint64_t> forks{0};
    static int const registered = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(registered);
    return forks.load(std::memory_order_relaxed);
#else
    return 0;
#endif
  }

  int members_;
  bool running_ = false;
  std::uint64_t born_ = 0;
  std::unique_ptr<crew> crew_;
  std::vector<share> shares_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
