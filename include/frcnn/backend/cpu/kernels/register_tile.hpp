#pragma once
// The GEMM micro-kernel: a few rows times a panel of columns, accumulated in registers. All dense kernels of ours use it.
//
//   c [rows, vectors * lanes] = a [rows, depth] * b [depth, vectors * lanes]
//   a lies in blocks of `lanes` columns: [depth / lanes][rows][lanes], as transforms of channel vectors write it; b and c row after row.
//   depth is a multiple of lanes, not 0; rows 1 to simd::tile_rows; vectors 1 or 2.
// The order of every sum is that of depth. Of products one behind the other, the sums of one are stored between the first multiplications
// of the next, which would wait if they were stored at once (depth 64: 4 % of the time).
// Beside the sums, a line of memory is fetched for every row of b: a stream so thin that it costs the products nothing, while a burst of
// prefetches would hold up their own loads.
#include "frcnn/backend/cpu/kernels/simd.hpp"

#include <span>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::simd {

// Lines that will be wanted soon: the first, and floats from one to the next. nullptr: none.
struct prefetch {
  float const* first = nullptr;
  std::ptrdiff_t step = 0;
};
constexpr int lines_fetched(int depth) { return depth - 2; }

// b, or the sum or the difference of two matrices, made row by row as it is read (strassen.hpp). There are such kernels for whole panels
// and tile_rows or up to two rows less, no others: each costs every user's compiler a tenth of a second.
enum class operand { b, sum, difference };
inline constexpr int least_rows_of_two = tile_rows - 2;

struct tile_product {
  float const *a, *b;
  float* c;
  prefetch ahead = {};
  float const* other = nullptr;  // the second of two matrices
};

namespace detail {

// As unroll, but inlined before anything else: only so does g++ 12 keep the sums in registers from one product to the next. (The direct
// kernel, whose loop has other bounds, takes twice its time with it.)
template <int N, class F>
[[gnu::always_inline]] inline void unroll_here(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) { (f(std::integral_constant<int, I>{}), ...); }
  (std::make_integer_sequence<int, N>{});
}

template <operand Which>
[[gnu::always_inline]] inline vec load_of(float const* b, [[maybe_unused]] float const* other, int at) {
  if constexpr (Which == operand::sum) return load(b + at) + load(other + at);
  else if constexpr (Which == operand::difference) return load(b + at) - load(other + at);
  else return load(b + at);
}

// sum = (Keep ? sum : 0) + a column of a block of a * a row of b; before(i, v) comes before sum[i][v] changes.
template <operand Which, bool Keep, int Rows, int Vectors, class Before>
[[gnu::always_inline]] inline void add_row(float const* a, float const* b, float const* other, vec (&sum)[Rows][Vectors], Before before) {
  vec row[Vectors];
  unroll_here<Vectors>([&](auto v) { row[v] = load_of<Which>(b, other, v * lanes); });
  unroll_here<Rows>([&](auto i) __attribute__((always_inline)) {
    vec const factor(a[i * lanes]);
    unroll_here<Vectors>([&](auto v) __attribute__((always_inline)) {
      before(i, v);
      sum[i][v] = Keep ? fma(factor, row[v], sum[i][v]) : factor * row[v];
    });
  });
}

template <operand Which, int Rows, int Vectors>
void tiles_of(std::span<tile_product const> products, int depth) {
  vec sum[Rows][Vectors];
  float* c = nullptr;  // where the sums belong
  auto const store_sum = [&](auto i, auto v) __attribute__((always_inline)) { store(c + (i * Vectors + v) * lanes, sum[i][v]); };
  auto const nothing = [](auto, auto) {};
  for (tile_product const& p : products) {
    float const *a = p.a, *b = p.b, *other = p.other, *line = p.ahead.first ? p.ahead.first : b;
    std::ptrdiff_t const step = p.ahead.first ? p.ahead.step : 0;
    auto const next_row = [&]() __attribute__((always_inline)) {
      b += Vectors * lanes;
      if constexpr (Which != operand::b) other += Vectors * lanes;
    };
    auto const fetch_line = [&]() __attribute__((always_inline)) {
      __builtin_prefetch(line);
      line += step;
    };
    if (c) add_row<Which, false>(a, b, other, sum, store_sum);
    else add_row<Which, false>(a, b, other, sum, nothing);
    c = p.c;
    next_row();
    add_row<Which, true>(a + 1, b, other, sum, nothing);
    for (int k = 0, j = 2; k < depth; k += lanes, j = 0, a += Rows * lanes)
      for (; j < lanes; j += 2) {
        fetch_line();
        fetch_line();
        next_row();
        add_row<Which, true>(a + j, b, other, sum, nothing);
        next_row();
        add_row<Which, true>(a + j + 1, b, other, sum, nothing);
      }
  }
  if (c) unroll_here<Rows>([&](auto i) { unroll_here<Vectors>([&](auto v) { store_sum(i, v); }); });
}

// The kernel for a number of rows known at run time: of[rows - Least].
template <operand Which, int Least, int Vectors>
struct tile_kernels {
  using kernel = void (*)(std::span<tile_product const>, int);
  static constexpr int count = tile_rows - Least + 1;
  kernel of[count];
  constexpr tile_kernels() : of{} {
    [this]<int... I>(std::integer_sequence<int, I...>) { ((of[I] = &tiles_of<Which, Least + I, Vectors>), ...); }
    (std::make_integer_sequence<int, count>{});
  }
};
template <operand Which, int Least, int Vectors>
inline constexpr tile_kernels<Which, Least, Vectors> tile_kernel{};

}  // namespace detail

// Products of one shape, one behind the other.
inline void multiply_tiles(int rows, int vectors, std::span<tile_product const> products, int depth) {
  auto const& kernels =
      vectors == tile_vectors ? detail::tile_kernel<operand::b, 1, tile_vectors>.of : detail::tile_kernel<operand::b, 1, 1>.of;
  kernels[rows - 1](products, depth);
}

// The same of whole panels, each the sum, or the difference, of two.
inline void multiply_tiles_by(operand which, int rows, std::span<tile_product const> products, int depth) {
  auto const& kernels = which == operand::sum ? detail::tile_kernel<operand::sum, least_rows_of_two, tile_vectors>.of
                                              : detail::tile_kernel<operand::difference, least_rows_of_two, tile_vectors>.of;
  kernels[rows - least_rows_of_two](products, depth);
}

}  // namespace frcnn::cpu_backend::simd
FRCNN_HIDDEN_END

#endif
