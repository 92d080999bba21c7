#pragma once
// exec<cpu>: the operations of core/executor.hpp as loops over the context's threads. Counts are read in place: here the device's memory is
// the host's. Every result is a function of the arguments alone, whatever the number of threads.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/ordered_bits.hpp"
#include "frcnn/geometry/iou.hpp"

#include <algorithm>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class U>
struct ranked {
  U bits;
  std::uint32_t position;
  friend bool operator<(ranked const& a, ranked const& b) { return a.bits != b.bits ? a.bits > b.bits : a.position < b.position; }
};

// The survivors of one sweep, coordinate by coordinate, padded to whole chunks.
template <class T>
struct surviving_boxes {
  static constexpr int chunk = 16;  // lanes compared between two looks at the answer: one AVX-512 vector of floats
  T *x1, *y1, *x2, *y2, *area;
  int count = 0;

  surviving_boxes(T* memory, std::size_t capacity)
      : x1(memory), y1(memory + capacity), x2(memory + 2 * capacity), y2(memory + 3 * capacity), area(memory + 4 * capacity) {}

  static std::size_t padded(std::size_t n) { return (n + chunk - 1) / chunk * chunk; }

  void push(box<T> const& b) {
    if (count % chunk == 0)
      for (int j = 0; j < chunk; ++j) x1[count + j] = y1[count + j] = x2[count + j] = y2[count + j] = area[count + j] = T(0);
    x1[count] = b.x1, y1[count] = b.y1, x2[count] = b.x2, y2[count] = b.y2, area[count] = b.area();
    ++count;
  }

  // frcnn::iou with each survivor, operation by operation the same.
  template <class Suppress>
  bool suppresses(box<T> const& b, Suppress const& suppress) const {
    T const own = b.area();
    for (int first = 0; first < count; first += chunk) {
      T overlap[chunk];
      FRCNN_INDEPENDENT
      for (int j = 0; j < chunk; ++j) {
        T const left = x1[first + j] > b.x1 ? x1[first + j] : b.x1, top = y1[first + j] > b.y1 ? y1[first + j] : b.y1;
        T const right = x2[first + j] < b.x2 ? x2[first + j] : b.x2, bottom = y2[first + j] < b.y2 ? y2[first + j] : b.y2;
        T const w = right - left, h = bottom - top;
        T const both = (w > T(0) ? w : T(0)) * (h > T(0) ? h : T(0)), either = area[first + j] + own - both;
        T const divisor = both > T(0) ? either : T(1);  // so that the division needs no branch
        overlap[j] = both > T(0) ? both / divisor : T(0);
      }
      int const live = std::min<int>(chunk, count - first);
      bool any = false;
      for (int j = 0; j < chunk; ++j) any |= suppress(overlap[j]) & (j < live);
      if (any) return true;
    }
    return false;
  }
};

}  // namespace detail

template <>
struct exec<cpu> {
  template <class F>
  static void for_each(cpu::context& c, std::size_t n, F f) {
    // A few items are whole images or segments, many are rows or elements.
    parallel_for(c, n, n <= 64 ? 1 : 64, [&](std::size_t begin, std::size_t end) {
      if constexpr (requires { f.run(begin, end); }) f.run(begin, end);
      else
        for (std::size_t i = begin; i < end; ++i) f(i);
    });
  }

  template <class Key>
  static void segmented_sort(cpu::context& c, view<Key, 2, cpu> keys, view<std::int32_t, 2, cpu> order, view<std::int32_t, 1, cpu> live) {
    using key_type = std::remove_const_t<Key>;
    using entry = detail::ranked<decltype(detail::ordered_bits(key_type{}))>;
    std::size_t const segments = static_cast<std::size_t>(keys.dims[0]), k = static_cast<std::size_t>(keys.dims[1]);
    std::size_t const m = static_cast<std::size_t>(order.dims[1]);
    FRCNN_ASSERT(order.dims[0] == keys.dims[0] && live.dims[0] == keys.dims[0]);
    cpu::context::frame const scope(c);
    entry* const memory = c.scratch_of<entry>(static_cast<std::size_t>(workers_for(c, segments, 1)) * k);
    auto const dead = detail::ordered_bits(dead_key<key_type>);
    parallel_for(c, segments, 1, [=](int worker, std::size_t begin, std::size_t end) {
      entry* const entries = memory + static_cast<std::size_t>(worker) * k;
      for (std::size_t s = begin; s < end; ++s) {
        std::size_t alive = 0;
        for (std::size_t i = 0; i < k; ++i) {
          key_type const key = keys.data[s * k + i];
          auto const bits = detail::ordered_bits(key);
          if (!detail::is_nan_key(key) && bits != dead) entries[alive++] = {bits, static_cast<std::uint32_t>(i)};
        }
        std::size_t const listed = std::min(m, alive);
        if (listed < alive) std::nth_element(entries, entries + listed, entries + alive);
        std::sort(entries, entries + listed);
        std::int32_t* const out = order.data + s * m;
        for (std::size_t i = 0; i < listed; ++i) out[i] = static_cast<std::int32_t>(entries[i].position);
        std::fill(out + listed, out + m, -1);
        live.data[s] = static_cast<std::int32_t>(listed);
      }
    });
  }

  // in and out may be the same memory.
  template <class In, class Out>
  static void scan(cpu::context& c, view<In, 2, cpu> in, view<Out, 2, cpu> out) {
    FRCNN_ASSERT(in.dims == out.dims);
    std::size_t const k = static_cast<std::size_t>(in.dims[1]);
    parallel_for(c, static_cast<std::size_t>(in.dims[0]), 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t s = begin; s < end; ++s) {
        Out sum{};
        for (std::size_t i = 0; i < k; ++i) {
          Out const next = static_cast<Out>(sum + in.data[s * k + i]);
          out.data[s * k + i] = sum;
          sum = next;
        }
      }
    });
  }

  template <class Flag>
  static void select(cpu::context& c, view<Flag, 2, cpu> flags, view<std::int32_t, 2, cpu> index, view<std::int32_t, 1, cpu> count) {
    FRCNN_ASSERT(index.dims[0] == flags.dims[0] && count.dims[0] == flags.dims[0]);
    std::int32_t const k = flags.dims[1], m = index.dims[1];
    parallel_for(c, static_cast<std::size_t>(flags.dims[0]), 1, [=](std::size_t begin, std::size_t end) {
      for (std::size_t s = begin; s < end; ++s) {
        Flag* const flag = flags.data + s * static_cast<std::size_t>(k);
        std::int32_t* const out = index.data + s * static_cast<std::size_t>(m);
        std::int32_t found = 0;
        for (std::int32_t i = 0; i < k && found < m; ++i)
          if (flag[i] != 0) out[found++] = i;
        std::fill(out + found, out + m, -1);
        count.data[s] = found;
      }
    });
  }

  // Runs of 1024 items are folded each on its own, then their results in ascending order.
  template <class T, class F, class Op>
  static void segmented_reduce(cpu::context& c, int segments, int k, T init, F f, Op op, std::type_identity_t<view<T, 1, cpu>> out) {
    static_assert(std::is_trivially_copyable_v<T>);
    constexpr int run = 1024;
    FRCNN_ASSERT(out.dims[0] == segments);
    std::size_t const s_count = static_cast<std::size_t>(segments), runs = (static_cast<std::size_t>(k) + run - 1) / run;
    cpu::context::frame const scope(c);
    T* const partial = c.scratch_of<T>(s_count * runs);
    parallel_for(c, s_count * runs, std::max(1, run / std::max(k, 1)), [=, &f, &op](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) {
        int const s = static_cast<int>(at / runs), first = static_cast<int>(at % runs) * run, last = std::min(k, first + run);
        T sum = static_cast<T>(f(s, first));
        for (int i = first + 1; i < last; ++i) sum = op(sum, static_cast<T>(f(s, i)));
        partial[at] = sum;
      }
    });
    for (std::size_t s = 0; s < s_count; ++s) {
      T sum = init;
      for (std::size_t r = 0; r < runs; ++r) sum = op(sum, partial[s * runs + r]);
      out.data[s] = sum;
    }
  }

  // Box: box<T> or box<T> const.
  template <class Box, class Suppress>
  static void nms_sweep(cpu::context& c, counted<Box, 2, cpu> boxes, Suppress suppress, counted<std::int32_t, 2, cpu> survivors) {
    using T = decltype(std::remove_const_t<Box>::x1);
    using surviving_boxes = detail::surviving_boxes<T>;
    std::size_t const segments = static_cast<std::size_t>(boxes.rows.dims[0]), k = static_cast<std::size_t>(boxes.rows.dims[1]);
    std::size_t const m = static_cast<std::size_t>(survivors.rows.dims[1]), capacity = surviving_boxes::padded(std::min(k, m));
    FRCNN_ASSERT(survivors.rows.dims[0] == boxes.rows.dims[0]);
    cpu::context::frame const scope(c);
    T* const memory = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, segments, 1)) * 5 * capacity);
    parallel_for(c, segments, 1, [=, &suppress](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t s = begin; s < end; ++s) {
        surviving_boxes found(memory + static_cast<std::size_t>(worker) * 5 * capacity, capacity);
        std::int32_t* const out = survivors.rows.data + s * m;
        Box* const candidate = boxes.rows.data + s * k;
        std::int32_t const count = boxes.count.data[s];
        for (std::int32_t i = 0; i < count && static_cast<std::size_t>(found.count) < m; ++i) {
          if (found.suppresses(candidate[i], suppress)) continue;
          out[found.count] = i;
          found.push(candidate[i]);
        }
        std::fill(out + found.count, out + m, -1);
        survivors.count.data[s] = found.count;
      }
    });
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
