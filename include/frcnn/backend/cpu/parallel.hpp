#pragma once
// Loops over the context's threads.
//
//   parallel_for(c, n, grain, f)     f(begin, end), or f(member, begin, end), for pieces that make up [0, n): each a multiple of grain,
//                                    but the last. member, below threads, tells the threads apart: for scratch. Results must not depend on
//                                    the pieces, nor on who takes them
//   parallel_runs(c, n, grain, f)    f(run, begin, end) once for each of min(threads, ceil(n / grain)) runs of nearly equal length, whose
//                                    bounds depend on n, grain and threads alone: for sums that are stored run by run
// Every thread begins with an equal share of its own and takes pieces from its front. Who has none left takes the back half of the largest
// that another has: a thread that comes late, or is slow because something else runs on its processor, delays no other.
// Where [0, n) has one piece only, and in a loop inside a loop, everything runs on the calling thread.
// An exception in f is rethrown on the calling thread after the loop, whose other pieces may have been taken or not. Inside f denormals are
// zero (x86), and BLAS runs serially.
//
// Example: threads 2, n 10, grain 4: f(0, 0, 4), f(0, 4, 8) perhaps on one thread, f(1, 8, 10) on another.
#include "frcnn/backend/cpu/context.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// How many threads a loop takes.
inline int workers_for(cpu::context const& c, std::size_t n, std::size_t grain) {
  std::size_t const pieces = (n + grain - 1) / grain;
  return static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(c.threads()), pieces));
}

namespace detail {

// The first exception of any thread.
class first_exception {
 public:
  template <class F>
  void guard(F f) noexcept {
    try {
      f();
    } catch (...) {
      if (!taken_.exchange(true)) what_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (what_) std::rethrow_exception(what_);
  }

 private:
  std::atomic<bool> taken_{false};
  std::exception_ptr what_;
};

// The blocks of a loop, shared out to its members.
struct shared_blocks {
  thread_team::share* shares;
  int members;
  std::uint32_t chunk;  // blocks that are taken at once

  static std::uint64_t packed(std::uint64_t begin, std::uint64_t end) { return begin << 32 | end; }
  static std::uint32_t begin_of(std::uint64_t blocks) { return static_cast<std::uint32_t>(blocks >> 32); }
  static std::uint32_t end_of(std::uint64_t blocks) { return static_cast<std::uint32_t>(blocks); }

  void share_out(std::uint64_t blocks) const {
    std::uint64_t const m = static_cast<std::uint64_t>(members);
    for (std::uint64_t i = 0; i < m; ++i) shares[i].blocks.store(packed(blocks * i / m, blocks * (i + 1) / m), std::memory_order_relaxed);
  }

  // The next blocks of a member; empty when nobody has any. What is written to the shares is visible to others by the team's gate.
  std::uint64_t take(int member) const {
    auto& own = shares[member].blocks;
    for (;;) {
      for (std::uint64_t at = own.load(std::memory_order_relaxed); begin_of(at) < end_of(at);) {
        std::uint32_t const begin = begin_of(at), end = std::min(begin + chunk, end_of(at));
        if (own.compare_exchange_weak(at, packed(end, end_of(at)), std::memory_order_relaxed)) return packed(begin, end);
      }
      int from = -1;
      std::uint32_t most = 0;
      for (int i = 1; i < members; ++i) {
        int const other = (member + i) % members;
        std::uint64_t const at = shares[other].blocks.load(std::memory_order_relaxed);
        std::uint32_t const left = end_of(at) > begin_of(at) ? end_of(at) - begin_of(at) : 0;
        if (left > most) most = left, from = other;
      }
      if (from < 0) return 0;
      std::uint64_t at = shares[from].blocks.load(std::memory_order_relaxed);
      std::uint32_t const begin = begin_of(at), end = end_of(at);
      if (begin >= end) continue;
      std::uint32_t const middle = begin + (end - begin) / 2;
      if (shares[from].blocks.compare_exchange_strong(at, packed(begin, middle), std::memory_order_relaxed))
        own.store(packed(middle, end), std::memory_order_relaxed);
    }
  }
};

// What a loop calls. Loops know their body by its address, so that it is compiled once, and not for each way to run it.
struct loop_body {
  void* f;
  void (*call)(void* f, int member, std::size_t begin, std::size_t end);
};

inline void run_members(cpu::context const& c, int members, thread_team::work f, void* what) {
  flush_denormals const flush;
  if (members <= 1 || c.team().is_running()) return f(what, 0);
  struct loop {
    thread_team::work f;
    void* what;
    first_exception failure{};
  } all{f, what};
  auto const guarded = [](void* of, int member) {
    auto& self = *static_cast<loop*>(of);
    self.failure.guard([&] { self.f(self.what, member); });
  };
  c.team().run(guarded, &all, members);
  all.failure.rethrow();
}

inline void run_pieces(cpu::context const& c, std::size_t n, std::size_t grain, loop_body body) {
  if (n == 0) return;
  grain = std::max({grain, std::size_t{1}, n >> 31});
  std::size_t const count = (n + grain - 1) / grain;
  int const members = workers_for(c, n, grain);
  if (members == 1 || c.team().is_running()) {
    flush_denormals const flush;
    return body.call(body.f, 0, 0, n);
  }
  std::size_t const chunk = std::max<std::size_t>(1, count / (16 * static_cast<std::size_t>(members)));
  struct loop {
    shared_blocks blocks;
    loop_body body;
    std::size_t n, grain;
  } all{{c.team().shares(), members, static_cast<std::uint32_t>(chunk)}, body, n, grain};
  all.blocks.share_out(count);
  auto const take_all = [](void* of, int member) {
    auto const& [blocks, body, n, grain] = *static_cast<loop*>(of);
    for (auto at = blocks.take(member); blocks.begin_of(at) < blocks.end_of(at); at = blocks.take(member))
      body.call(body.f, member, blocks.begin_of(at) * grain, std::min(n, blocks.end_of(at) * grain));
  };
  run_members(c, members, take_all, &all);
}

}  // namespace detail

// f(0) on the calling thread, and f(member) on each other of `members` threads that arrives before f(0) returns; in a loop inside a loop
// f(0) alone. f shares out the work itself, and returns when none is left. It must not wait for a member that may not have arrived.
template <class F>
void parallel_members(cpu::context const& c, int members, F f) {
  detail::run_members(
      c, members, [](void* what, int member) { (*static_cast<F*>(what))(member); }, &f);
}

template <class F>
void parallel_for(cpu::context const& c, std::size_t n, std::size_t grain, F f) {
  auto const call = [](void* what, int member, std::size_t begin, std::size_t end) {
    auto& body = *static_cast<F*>(what);
    if constexpr (std::is_invocable_v<F&, int, std::size_t, std::size_t>) body(member, begin, end);
    else static_cast<void>(member), body(begin, end);
  };
  detail::run_pieces(c, n, grain, {&f, call});
}

template <class F>
void parallel_runs(cpu::context const& c, std::size_t n, std::size_t grain, F f) {
  std::size_t const runs = static_cast<std::size_t>(workers_for(c, n, std::max<std::size_t>(grain, 1)));
  parallel_for(c, runs, 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t run = first; run < last; ++run) f(static_cast<int>(run), n * run / runs, n * (run + 1) / runs);
  });
}

}  // namespace frcnn
FRCNN_HIDDEN_END
