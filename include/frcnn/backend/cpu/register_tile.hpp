#pragma once
// The inner product loop that everything dense here stands on: a few rows times a panel of columns, summed in registers.
//
//   c [rows, vectors * lanes] = a [rows, depth] * b [depth, vectors * lanes]
//   a lies in blocks of `lanes` columns: [depth / lanes][rows][lanes], as transforms of channel vectors write it; b and c row after row.
//   depth is a multiple of lanes, not 0; rows 1 to simd::tile_rows; vectors 1 or 2.
// The order of every sum is that of depth. Of products one behind the other, the sums of one are stored between the first multiplications
// of the next, which would wait if they were stored at once (depth 64: 4 % of the time).
// Beside the sums, one line of memory is fetched for every two rows of b: a stream so thin that it costs the products nothing, while a
// burst of prefetches would hold up their own loads.
#include "frcnn/backend/cpu/simd.hpp"

#include <span>

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::simd {

// Lines that will be wanted soon: the first, and floats from one to the next. nullptr: none.
struct prefetch {
  float const* first = nullptr;
  std::ptrdiff_t step = 0;
};
constexpr int lines_fetched(int depth) { return depth / 2 - 1; }

struct tile_product {
  float const *a, *b;
  float* c;
  prefetch ahead = {};
};

namespace detail {

// As unroll, but inlined before anything else: only so does g++ 12 keep the sums in registers from one product to the next. (The direct
// kernel, whose loop has other bounds, takes twice its time with it.)
template <int N, class F>
[[gnu::always_inline]] inline void unroll_here(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) { (f(std::integral_constant<int, I>{}), ...); }
  (std::make_integer_sequence<int, N>{});
}

// sum = (Keep ? sum : 0) + a column of a block of a * a row of b; before(i, v) comes before sum[i][v] changes.
template <bool Keep, int Rows, int Vectors, class Before>
[[gnu::always_inline]] inline void add_row(float const* a, float const* b, vec (&sum)[Rows][Vectors], Before before) {
  vec row[Vectors];
  unroll_here<Vectors>([&](auto v) { row[v] = load(b + v * lanes); });
  unroll_here<Rows>([&](auto i) __attribute__((always_inline)) {
    vec const factor(a[i * lanes]);
    unroll_here<Vectors>([&](auto v) __attribute__((always_inline)) {
      before(i, v);
      sum[i][v] = Keep ? fma(factor, row[v], sum[i][v]) : factor * row[v];
    });
  });
}

template <int Rows, int Vectors>
void multiply_tiles(std::span<tile_product const> products, int depth) {
  vec sum[Rows][Vectors];
  float* c = nullptr;  // where the sums belong
  auto const store_sum = [&](auto i, auto v) __attribute__((always_inline)) { store(c + (i * Vectors + v) * lanes, sum[i][v]); };
  auto const nothing = [](auto, auto) {};
  for (tile_product const& p : products) {
    float const *a = p.a, *b = p.b, *line = p.ahead.first ? p.ahead.first : b;
    std::ptrdiff_t const step = p.ahead.first ? p.ahead.step : 0;
    if (c)
      add_row<false>(a, b, sum, store_sum);
    else
      add_row<false>(a, b, sum, nothing);
    c = p.c;
    add_row<true>(a + 1, b += Vectors * lanes, sum, nothing);
    for (int k = 0, j = 2; k < depth; k += lanes, j = 0, a += Rows * lanes)
      for (; j < lanes; j += 2) {
        __builtin_prefetch(line);
        line += step;
        add_row<true>(a + j, b += Vectors * lanes, sum, nothing);
        add_row<true>(a + j + 1, b += Vectors * lanes, sum, nothing);
      }
  }
  if (c) unroll_here<Rows>([&](auto i) { unroll_here<Vectors>([&](auto v) { store_sum(i, v); }); });
}

// The kernel for a number of rows known at run time: rows[n - 1] takes n.
template <int Vectors>
struct tile_kernels {
  using kernel = void (*)(std::span<tile_product const>, int);
  kernel rows[tile_rows];
  constexpr tile_kernels() : rows{} {
    [this]<int... I>(std::integer_sequence<int, I...>) { ((rows[I] = &multiply_tiles<I + 1, Vectors>), ...); }(
        std::make_integer_sequence<int, tile_rows>{});
  }
};
template <int Vectors>
inline constexpr tile_kernels<Vectors> tile_kernel{};

}  // namespace detail

// Products of one shape, one behind the other.
inline void multiply_tiles(int rows, int vectors, std::span<tile_product const> products, int depth) {
  auto const& kernels = vectors == tile_vectors ? detail::tile_kernel<tile_vectors>.rows : detail::tile_kernel<1>.rows;
  kernels[rows - 1](products, depth);
}

}  // namespace frcnn::simd

#endif
