#pragma once
// The word segmented_sort: tiles of 2048 keys are sorted by a block each, in shared memory (Batcher's bitonic network), and merged in pairs
// until a segment is one run. A run keeps its best M: what comes behind them is nobody's.
//
// An entry is (inverted bits of the key, position): ascending entries are descending keys, equal keys by position, and no two entries are
// equal. So no step need be stable, and in a merge the place of an entry is its place in its own run plus the number of entries before it
// in the other one (a binary search). Dead keys and NaN have all bits set and come last.
// Launches: 1 up to 2048 keys (classes after NMS, sampled regions); 1 + log2(tiles) + 1 beyond (6 for 17,100 anchors). Nothing is counted
// on the host.
#include "frcnn/backend/cuda/for_each.hpp"
#include "frcnn/core/checked.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/ordered_bits.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class U>
struct sort_entry {
  U bits;
  std::uint32_t position;

  FRCNN_HD static constexpr sort_entry of(U inverted, std::uint32_t at) { return {inverted, at}; }
  FRCNN_HD constexpr std::uint32_t at() const { return position; }
  FRCNN_HD constexpr bool is_dead() const { return bits == static_cast<U>(~U(0)); }
  FRCNN_HD friend constexpr bool operator<(sort_entry const& a, sort_entry const& b) {
    return a.bits != b.bits ? a.bits < b.bits : a.position < b.position;
  }
};
// Keys of at most 32 bits: one number.
struct packed_sort_entry {
  std::uint64_t word;

  FRCNN_HD static constexpr packed_sort_entry of(std::uint32_t inverted, std::uint32_t at) { return {std::uint64_t{inverted} << 32 | at}; }
  FRCNN_HD constexpr std::uint32_t at() const { return static_cast<std::uint32_t>(word); }
  FRCNN_HD constexpr bool is_dead() const { return word >> 32 == 0xffffffffu; }
  FRCNN_HD friend constexpr bool operator<(packed_sort_entry a, packed_sort_entry b) { return a.word < b.word; }
};

template <class Key>
struct sorted_key {
  static_assert(sizeof(Key) == 4 || sizeof(Key) == 8);
  using bits = decltype(ordered_bits(Key{}));
  using entry = std::conditional_t<sizeof(Key) <= 4, packed_sort_entry, sort_entry<bits>>;

  FRCNN_HD static constexpr entry of(Key key, std::size_t at) {
    bits const place = static_cast<bits>(~ordered_bits(key));
    bool const is_dead = is_nan_key(key) || place == static_cast<bits>(~ordered_bits(dead_key<Key>));
    return entry::of(is_dead ? static_cast<bits>(~bits(0)) : place, static_cast<std::uint32_t>(at));
  }
};

// Where the sorted positions go: order[s, m], live[s].
struct sorted_positions {
  std::int32_t *order, *live;
  std::size_t m;

  // Entry i of the sorted n, and the one behind it where there is one. To be called for i = 0 too where m or n is 0.
  template <class Entry>
  FRCNN_HD void write(std::size_t s, std::size_t i, std::size_t n, Entry const* sorted) const {
    bool const is_live = i < m && i < n && !sorted[i].is_dead();
    if (i < m) order[s * m + i] = is_live ? static_cast<std::int32_t>(sorted[i].at()) : -1;
    if (i == 0 && !is_live) live[s] = 0;
    if (is_live && (i + 1 == m || i + 1 == n || sorted[i + 1].is_dead())) live[s] = static_cast<std::int32_t>(i + 1);
  }
};

// Sorts tile after tile of each segment. Into runs, or, where a segment is one tile, to its positions.
template <class Key>
struct sort_tile {
  static constexpr int threads = 1024, tile = 2048;
  using entry = typename sorted_key<Key>::entry;
  struct shared_state {
    entry entries[tile];
  };

  Key const* keys;
  std::size_t k, tiles;  // of a segment
  std::size_t stride;    // entries of a run
  entry* runs;           // [S, tiles, stride]; nullptr: to `to`
  sorted_positions to;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    std::size_t const segment = block.index() / tiles, first = block.index() % tiles * tile;
    int const n = static_cast<int>(k - first < tile ? k - first : tile);
    int length = 2;  // of the network: a power of two
    while (length < n) length *= 2;
    block.each([&](int t) {
      for (int i = t; i < length; i += threads)  // behind the keys, dead entries with positions of their own
        s.entries[i] =
            i < n ? sorted_key<Key>::of(keys[segment * k + first + static_cast<std::size_t>(i)], first + static_cast<std::size_t>(i))
                  : sorted_key<Key>::of(dead_key<Key>, first + static_cast<std::size_t>(i));
    });
    for (int size = 2; size <= length; size *= 2)
      for (int apart = size / 2; apart > 0; apart /= 2)
        block.each([&](int t) {
          for (int pair = t; pair < length / 2; pair += threads) {
            int const i = pair / apart * 2 * apart + pair % apart, j = i + apart;
            entry const a = s.entries[i], b = s.entries[j];
            if ((b < a) == ((i & size) == 0)) s.entries[i] = b, s.entries[j] = a;
          }
        });
    block.each([&](int t) {
      if (runs) {
        for (int i = t; i < n && static_cast<std::size_t>(i) < stride; i += threads)
          runs[block.index() * stride + static_cast<std::size_t>(i)] = s.entries[i];
      } else {
        std::size_t const last = to.m > 1 ? to.m : 1;
        for (std::size_t i = static_cast<std::size_t>(t); i < last; i += threads)
          to.write(segment, i, static_cast<std::size_t>(n), s.entries);
      }
    });
  }
};

// Entry i of [S, runs, stride] goes to its place in [S, (runs + 1) / 2, new_stride]. Run r of a segment has what is best of the keys from
// r * span on.
template <class Entry>
struct merge_runs {
  Entry const* from;
  Entry* to;
  std::size_t k, span, runs, stride, new_stride;

  FRCNN_HD std::size_t length(std::size_t run) const {
    if (run * span >= k) return 0;
    std::size_t const covered = k - run * span < span ? k - run * span : span;
    return covered < stride ? covered : stride;
  }
  FRCNN_HD void operator()(std::size_t i) const {
    std::size_t const place = i % stride, all = i / stride, run = all % runs, segment = all / runs;
    if (place >= length(run)) return;
    Entry const own = from[i];
    Entry const* const other = from + (segment * runs + (run ^ 1)) * stride;
    std::size_t low = 0, high = length(run ^ 1);
    while (low < high) {
      std::size_t const middle = (low + high) / 2;
      if (other[middle] < own) low = middle + 1;
      else high = middle;
    }
    if (place + low < new_stride) to[(segment * ((runs + 1) / 2) + run / 2) * new_stride + place + low] = own;
  }
};

template <class Entry>
struct write_positions {
  Entry const* sorted;  // [S, stride]
  std::size_t stride, per_segment;
  sorted_positions to;
  FRCNN_HD void operator()(std::size_t i) const {
    std::size_t const s = i / per_segment;
    to.write(s, i % per_segment, stride, sorted + s * stride);
  }
};

template <class Key, class Context>
void sort_on(Context& c, Key const* keys, std::size_t segments, std::size_t k, sorted_positions to) {
  using kernel = sort_tile<Key>;
  using entry = typename kernel::entry;
  constexpr std::size_t tile = kernel::tile;
  std::size_t runs = (k + tile - 1) / tile;
  if (runs <= 1) return launch(c, segments, kernel{keys, k, 1, 0, nullptr, to});
  if (to.m == 0) return launch(c, segments, kernel{keys, 0, 1, 0, nullptr, to});  // live = 0
  auto const shorter = [&](std::size_t n) { return std::min({n, to.m, k}); };
  typename Context::frame const scope(c);
  std::size_t span = tile, stride = shorter(span);
  auto const make = [&] { return static_cast<entry*>(c.scratch(checked::product(checked::bytes<entry>(segments * runs), stride))); };
  entry* from = make();
  launch(c, segments * runs, kernel{keys, k, runs, stride, from, to});
  while (runs > 1) {
    merge_runs<entry> merge{from, nullptr, k, span, runs, stride, shorter(2 * span)};
    runs = (runs + 1) / 2, span *= 2, stride = merge.new_stride;
    merge.to = make();
    for_each_on(c, segments * merge.runs * merge.stride, merge);
    from = merge.to;
  }
  write_positions<entry> const last{from, stride, to.m, to};
  for_each_on(c, segments * to.m, last);
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
