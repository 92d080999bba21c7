#pragma once
// Loops over the context's threads, always split the same way.
//
// parallel_for(c, n, grain, f) cuts [0, n) into W = min(threads, ceil(n / grain)) runs of nearly equal length and calls f(begin, end), or
// f(worker, begin, end) where f takes a worker in [0, W), once for each run. The cut depends on n, grain and the context alone: whoever
// accumulates per worker gets equal bits from equal runs, also when OpenMP hands out fewer threads than were asked for.
// An exception in f is rethrown on the calling thread after the loop. Inside f denormals are zero (x86), and BLAS runs serially.
//
// Example: threads 2, n 10, grain 4: f(0, 5), f(5, 10).   n 10, grain 100: f(0, 10) on the calling thread.
#include "frcnn/backend/cpu/context.hpp"

#include <algorithm>
#include <exception>
#include <type_traits>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Denormals are read as zero and flushed to zero while it lives: a dying activation must not slow its layer a hundredfold.
class flush_denormals {
 public:
#if defined(__SSE2__)
  flush_denormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~flush_denormals() { _mm_setcsr(saved_); }
#else
  flush_denormals() {}
  ~flush_denormals() {}
#endif
  flush_denormals(flush_denormals const&) = delete;
  flush_denormals& operator=(flush_denormals const&) = delete;

 private:
  [[maybe_unused]] unsigned saved_ = 0;
};

inline int workers_for(cpu::context const& c, std::size_t n, std::size_t grain) {
  std::size_t const runs = (n + grain - 1) / grain;
  return static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(c.threads()), runs));
}

namespace detail {

template <class F>
void call_run(F& f, int worker, int workers, std::size_t n) {
  std::size_t const begin = n * static_cast<std::size_t>(worker) / static_cast<std::size_t>(workers);
  std::size_t const end = n * static_cast<std::size_t>(worker + 1) / static_cast<std::size_t>(workers);
  if constexpr (std::is_invocable_v<F&, int, std::size_t, std::size_t>) f(worker, begin, end);
  else f(begin, end);
}

}  // namespace detail

template <class F>
void parallel_for(cpu::context const& c, std::size_t n, std::size_t grain, F f) {
  int const workers = workers_for(c, n, std::max<std::size_t>(grain, 1));
  if (workers == 0) return;
#if defined(_OPENMP)
  if (workers > 1) {
    std::exception_ptr failure;
    detail::note_team();
#pragma omp parallel num_threads(workers)
    {
      flush_denormals const flush;
      for (int w = omp_get_thread_num(); w < workers; w += omp_get_num_threads()) {
        try {
          detail::call_run(f, w, workers, n);
        } catch (...) {
#pragma omp critical(frcnn_parallel_for)
          if (!failure) failure = std::current_exception();
        }
      }
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
#endif
  flush_denormals const flush;
  for (int w = 0; w < workers; ++w) detail::call_run(f, w, workers, n);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
