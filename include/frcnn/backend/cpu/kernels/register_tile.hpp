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
// and tile_rows or up to two rows less, no others: each costs every user's compiler 0.05 s.
enum class operand { b, sum, difference };
inline constexpr int least_rows_of_two = tile_rows - 2;

struct tile_product {
  float const *a, *b;
  float* c;
  prefetch ahead = {};
  float const* other = nullptr;  // the second of two matrices
};

namespace detail {

template <operand Which>
[[gnu::always_inline]] inline vec load_of(float const* b, [[maybe_unused]] float const* other, int at) {
  if constexpr (Which == operand::sum) return load(b + at) + load(other + at);
  else if constexpr (Which == operand::difference) return load(b + at) - load(other + at);
  else return load(b + at);
}

// sum = (Keep ? sum : 0) + a column of a block of a * a row of b. stored: where sum[i][v] goes before it changes; nullptr: nowhere.
template <operand Which, bool Keep, bool Stores, int Rows, int Vectors>
[[gnu::always_inline]] inline void add_row(float const* a, float const* b, float const* other, vec (&sum)[Rows][Vectors], float* stored) {
  vec row[Vectors];
  FRCNN_UNROLL
  for (int v = 0; v < Vectors; ++v) row[v] = load_of<Which>(b, other, v * lanes);
  FRCNN_UNROLL
  for (int i = 0; i < Rows; ++i) {
    vec const factor(a[i * lanes]);
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      if constexpr (Stores) store(stored + (i * Vectors + v) * lanes, sum[i][v]);
      if constexpr (Keep) sum[i][v] = fma(factor, row[v], sum[i][v]);
      else sum[i][v] = factor * row[v];
    }
  }
}

// Not inlined where the number of rows is a constant: among a caller's loops g++ -O3 loses the registers (twice the time).
template <operand Which, int Rows, int Vectors>
FRCNN_NOINLINE void tiles_of(std::span<tile_product const> products, int depth) {
  vec sum[Rows][Vectors];
  float* c = nullptr;  // where the sums belong
  for (tile_product const& p : products) {
    float const *a = p.a, *b = p.b, *other = p.other, *line = p.ahead.first ? p.ahead.first : b;
    std::ptrdiff_t const step = p.ahead.first ? p.ahead.step : 0, other_step = Which == operand::b ? 0 : Vectors * lanes;
    if (c) add_row<Which, false, true>(a, b, other, sum, c);
    else add_row<Which, false, false>(a, b, other, sum, nullptr);
    c = p.c;
    b += Vectors * lanes;
    other += other_step;
    add_row<Which, true, false>(a + 1, b, other, sum, nullptr);
    for (int k = 0, j = 2; k < depth; k += lanes, j = 0, a += Rows * lanes)
      for (; j < lanes; j += 2) {
        __builtin_prefetch(line);
        __builtin_prefetch(line + step);
        line += 2 * step;
        b += Vectors * lanes;
        other += other_step;
        add_row<Which, true, false>(a + j, b, other, sum, nullptr);
        b += Vectors * lanes;
        other += other_step;
        add_row<Which, true, false>(a + j + 1, b, other, sum, nullptr);
      }
  }
  if (!c) return;
  FRCNN_UNROLL
  for (int i = 0; i < Rows; ++i) {
    FRCNN_UNROLL
    for (int v = 0; v < Vectors; ++v) store(c + (i * Vectors + v) * lanes, sum[i][v]);
  }
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
