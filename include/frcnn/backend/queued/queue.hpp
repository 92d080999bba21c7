#pragma once
// What a queued context shares with its memory and its events: the operations that wait to run, and memory that the host cannot touch until
// they do.
//
// Device memory is inaccessible (PROT_NONE) unless operations of some context run: a host that reads or writes it without waiting ends in
// SIGSEGV at the place that does so. It starts as 0xff, which is NaN, and what a frame gives back becomes that again, in its turn.
// For tests: operations are function objects on the heap, and every wait changes the protection of all blocks.
#include "frcnn/backend/cpu/context.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Blocks of whole pages, of all contexts.
class guarded_blocks {
 public:
  static constexpr int poison = 0xff;

  static guarded_blocks& all() {
    static guarded_blocks blocks;
    return blocks;
  }

  // is_clear: zero, not poison (the arena's range, of which most is never reached).
  void* take(std::size_t bytes, bool is_clear = false) {
    std::size_t const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), size = checked::sum(bytes, page) / page * page;
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    if (!is_clear) std::memset(p, poison, size);
    std::lock_guard const lock(guard_);
    sizes_[p] = size;
    if (!running_) ::mprotect(p, size, PROT_NONE);
    return p;
  }
  void give_back(void* p) noexcept {
    std::lock_guard const lock(guard_);
    auto const at = sizes_.find(p);
    ::munmap(p, at->second);
    sizes_.erase(at);
  }

  // While one exists, every block is accessible.
  class opened {
   public:
    explicit opened(guarded_blocks& blocks) : blocks_(blocks) {
      std::lock_guard const lock(blocks_.guard_);
      if (blocks_.running_++ == 0) blocks_.protect(PROT_READ | PROT_WRITE);
    }
    ~opened() {
      std::lock_guard const lock(blocks_.guard_);
      if (--blocks_.running_ == 0) blocks_.protect(PROT_NONE);
    }
    opened(opened const&) = delete;
    opened& operator=(opened const&) = delete;

   private:
    guarded_blocks& blocks_;
  };

 private:
  void protect(int how) {
    for (auto const& [p, size] : sizes_) ::mprotect(p, size, how);
  }

  std::mutex guard_;
  std::map<void*, std::size_t> sizes_;
  int running_ = 0;
};

// Operations in the order in which they were queued. They run on the thread that waits.
class operation_queue {
 public:
  using operation = std::function<void(cpu::context&)>;

  explicit operation_queue(cpu_options options) : host_(options) {}

  void push(operation f) {
    {
      std::lock_guard const lock(guard_);
      if (!is_closed_) {
        waiting_.push_back(std::move(f));
        ++queued_;
        return;
      }
    }
    guarded_blocks::opened const access(guarded_blocks::all());
    f(host_);
  }
  // Everything runs, and what comes now (the memory of a context that has ended) at once.
  void close() {
    while (!is_closed_) {
      run_until(queued());
      std::lock_guard const lock(guard_);
      is_closed_ = waiting_.empty();
    }
  }
  // Until the operation of that number has run. What an operation throws comes out here; the others still wait.
  void run_until(std::uint64_t number) {
    std::lock_guard const one_at_a_time(running_);
    if (ran_ >= number) return;
    guarded_blocks::opened const access(guarded_blocks::all());
    while (ran_ < number) {
      operation f;
      {
        std::lock_guard const lock(guard_);
        f = std::move(waiting_.front());
        waiting_.pop_front();
      }
      ended const one(ran_);
      f(host_);
    }
  }
  std::uint64_t queued() const {
    std::lock_guard const lock(guard_);
    return queued_;
  }
  std::uint64_t ran() const noexcept { return ran_; }

  std::atomic<std::uint64_t> waits{0};  // of the host, on the context or on an event that was not done

 private:
  // Counts an operation when it has run, or thrown.
  struct ended {
    std::atomic<std::uint64_t>& count;
    explicit ended(std::atomic<std::uint64_t>& ran) : count(ran) {}
    ~ended() { ++count; }
  };

  mutable std::mutex guard_, running_;
  std::deque<operation> waiting_;
  std::uint64_t queued_ = 0;
  bool is_closed_ = false;
  std::atomic<std::uint64_t> ran_{0};
  cpu::context host_;  // what operations run on
};

}  // namespace frcnn::inline FRCNN_ABI::detail
FRCNN_HIDDEN_END
