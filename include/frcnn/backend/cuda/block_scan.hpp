#pragma once
// Sums over the threads of a block, in phases, and by them the words scan and select: a block for each segment, tile by tile.
//
// Hillis and Steele's scan: log2(threads) phases, each from one row of sums to the other, so that no thread reads what another writes.
#include "frcnn/backend/cuda/block.hpp"
#include "frcnn/core/view.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// sums[0][t] holds a number of each thread. Afterwards the row that is returned holds at t the sum of those of the threads 0 to t.
template <class Block, class T, int Threads>
FRCNN_HD int scan_threads(Block& block, T (&sums)[2][Threads]) {
  static_assert(Threads == Block::threads);
  int from = 0;
  for (int apart = 1; apart < Threads; apart *= 2, from = 1 - from)
    block.each([&](int t) {
      T const own = sums[from][t];
      sums[1 - from][t] = t >= apart ? static_cast<T>(sums[from][t - apart] + own) : own;
    });
  return from;
}

// out[s, i] = in[s, 0] + ... + in[s, i - 1]. in and out may be the same memory.
template <class In, class Out>
struct scan_segment {
  static constexpr int threads = 512, items = 4, tile = threads * items;  // items: neighbours, of a thread
  struct shared_state {
    Out sums[2][threads];
  };
  struct few {
    Out value[items];
  };

  In* in;
  Out* out;
  std::size_t k;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    std::size_t const segment = block.index() * k;
    typename Block::template per_thread<few> before;
    Out carried{};
    for (std::size_t first = 0; first < k; first += tile) {
      block.each([&](int t) {
        Out sum{};
        for (int j = 0; j < items; ++j) {
          std::size_t const i = first + static_cast<std::size_t>(t * items + j);
          before[t].value[j] = sum;
          if (i < k) sum = static_cast<Out>(sum + in[segment + i]);
        }
        s.sums[0][t] = sum;
      });
      int const row = scan_threads(block, s.sums);
      block.each([&](int t) {
        Out const base = t > 0 ? static_cast<Out>(carried + s.sums[row][t - 1]) : carried;
        for (int j = 0; j < items; ++j) {
          std::size_t const i = first + static_cast<std::size_t>(t * items + j);
          if (i < k) out[segment + i] = static_cast<Out>(base + before[t].value[j]);
        }
      });
      carried = static_cast<Out>(carried + block.read(s.sums[row][threads - 1]));
    }
  }
};

// The first m positions whose flag is set; it ends with the tile that has the last of them.
template <class Flag>
struct select_in_segment {
  static constexpr int threads = 512, items = 8, tile = threads * items;
  struct shared_state {
    std::int32_t sums[2][threads];
  };

  Flag* flags;
  std::int32_t *index, *count;
  std::size_t k, m;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    Flag* const flag = flags + block.index() * k;
    std::int32_t* const listed = index + block.index() * m;
    typename Block::template per_thread<std::uint32_t> set;  // a bit for each item
    std::size_t found = 0;
    for (std::size_t first = 0; first < k && found < m; first += tile) {
      block.each([&](int t) {
        std::uint32_t bits = 0;
        std::int32_t n = 0;
        for (int j = 0; j < items; ++j) {
          std::size_t const i = first + static_cast<std::size_t>(t * items + j);
          bool const is_set = i < k && flag[i] != 0;
          bits |= static_cast<std::uint32_t>(is_set) << j;
          n += is_set;
        }
        set[t] = bits;
        s.sums[0][t] = n;
      });
      int const row = scan_threads(block, s.sums);
      block.each([&](int t) {
        std::size_t at = found + static_cast<std::size_t>(t > 0 ? s.sums[row][t - 1] : 0);
        for (int j = 0; j < items; ++j)
          if (set[t] >> j & 1u) {
            if (at < m) listed[at] = static_cast<std::int32_t>(first) + t * items + j;
            ++at;
          }
      });
      found += static_cast<std::size_t>(block.read(s.sums[row][threads - 1]));
    }
    found = found < m ? found : m;
    block.each([&](int t) {
      for (std::size_t at = found + static_cast<std::size_t>(t); at < m; at += threads) listed[at] = -1;
      if (t == 0) count[block.index()] = static_cast<std::int32_t>(found);
    });
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
