#pragma once
// The word segmented_reduce: runs of 4096 items are folded each by a block, then the runs' results of a segment by another one.
//
// Items keep their order: a thread folds neighbours, and threads are folded pair by pair, each with the one on its right. So op need only be
// associative, and equal lengths give equal bits.
#include "frcnn/backend/cuda/block.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class T, class F, class Op>
struct fold_runs {
  static constexpr int threads = 256, run = 4096;
  struct shared_state {
    T sums[threads];
  };

  F f;  // f(s, i), i in [0, k)
  Op op;
  std::size_t k, runs;  // of a segment
  T init;
  bool is_last;  // one run at most: init comes before it
  T* out;        // [S, runs], or [S]

  static std::size_t runs_of(std::size_t k) { return (k + run - 1) / run; }

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    std::size_t const segment = block.index() / runs, first = block.index() % runs * run;
    int const n = static_cast<int>(k - first < run ? k - first : run);
    int const items = (n + threads - 1) / threads;               // of a thread
    int const active = items > 0 ? (n + items - 1) / items : 0;  // threads with an item
    block.each([&](int t) {
      if (t >= active) return;
      int const begin = t * items, end = begin + items < n ? begin + items : n, number = static_cast<int>(segment);
      T sum = static_cast<T>(f(number, static_cast<int>(first) + begin));
      for (int i = begin + 1; i < end; ++i) sum = static_cast<T>(op(sum, static_cast<T>(f(number, static_cast<int>(first) + i))));
      s.sums[t] = sum;
    });
    for (int apart = 1; apart < active; apart *= 2)
      block.each([&](int t) {
        if (t % (2 * apart) == 0 && t + apart < active) s.sums[t] = static_cast<T>(op(s.sums[t], s.sums[t + apart]));
      });
    block.each([&](int t) {
      if (t != 0) return;
      if (is_last) out[block.index()] = n > 0 ? static_cast<T>(op(init, s.sums[0])) : init;
      else out[block.index()] = s.sums[0];
    });
  }
};

template <class T>
struct read_run {
  T const* partial;
  std::size_t runs;
  FRCNN_HD T operator()(int s, int i) const { return partial[static_cast<std::size_t>(s) * runs + static_cast<std::size_t>(i)]; }
};

// Runs of runs follow, until a segment is one.
template <class Context, class T, class F, class Op>
void reduce_on(Context& c, std::size_t segments, std::size_t k, T init, F f, Op op, T* out) {
  using kernel = fold_runs<T, F, Op>;
  std::size_t const runs = kernel::runs_of(k);
  if (runs <= 1) return launch(c, segments, kernel{f, op, k, 1, init, true, out});
  typename Context::frame const scope(c);
  T* const partial = static_cast<T*>(c.scratch(segments * runs * sizeof(T)));
  launch(c, segments * runs, kernel{f, op, k, runs, init, false, partial});
  reduce_on(c, segments, runs, init, read_run<T>{partial, runs}, op, out);
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
