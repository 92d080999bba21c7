#pragma once
// The inner product loop that everything dense here stands on: a few rows times a panel of columns, summed in registers.
//
//   c [rows, vectors * lanes] = (add ? c : 0) + a [rows, depth] * b [depth, vectors * lanes]
//   a lies in blocks of `lanes` columns: [depth / lanes][rows][lanes], as transforms of channel vectors write it; b row after row; c with a
//   row stride in floats. depth is a multiple of lanes; rows <= simd::tile_rows; vectors 1 or 2.
// The order of every sum is that of depth. Beside the sums, one line of memory is fetched for every two rows of b: a stream so thin that it
// costs the products nothing, while a burst of prefetches would hold up their own loads.
#include "frcnn/backend/cpu/simd.hpp"

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::simd {

// Lines that will be wanted soon: the first, and floats from one to the next. nullptr: none.
struct prefetch {
  float const* first = nullptr;
  std::ptrdiff_t step = 0;
};
constexpr int lines_fetched(int depth) { return depth / 2; }

namespace detail {

template <int Rows, int Vectors>
void multiply_tile(float const* a, float const* b, int depth, float* c, std::ptrdiff_t c_stride, bool add, prefetch ahead) {
  vec sum[Rows][Vectors];
  if (add) unroll<Rows>([&](auto i) { unroll<Vectors>([&](auto v) { __builtin_prefetch(c + i * c_stride + v * lanes, 1, 3); }); });
  unroll<Rows>([&](auto i) { unroll<Vectors>([&](auto v) { sum[i][v] = vec(0.f); }); });
  for (int k = 0; k < depth; k += lanes, a += Rows * lanes)
    for (int j = 0; j < lanes; j += 2) {
      __builtin_prefetch(ahead.first);
      ahead.first += ahead.step;
      unroll<2>([&](auto u) {
        vec row[Vectors];
        unroll<Vectors>([&](auto v) { row[v] = load(b + v * lanes); });
        b += Vectors * lanes;
        unroll<Rows>([&](auto i) {
          vec const factor(a[i * lanes + j + u]);
          unroll<Vectors>([&](auto v) { sum[i][v] = fma(factor, row[v], sum[i][v]); });
        });
      });
    }
  unroll<Rows>([&](auto i) {
    unroll<Vectors>([&](auto v) {
      float* const to = c + i * c_stride + v * lanes;
      store(to, add ? load(to) + sum[i][v] : sum[i][v]);
    });
  });
}

// The kernel for a number of rows known at run time: rows[n - 1] takes n.
template <int Vectors>
struct tile_kernels {
  using kernel = void (*)(float const*, float const*, int, float*, std::ptrdiff_t, bool, prefetch);
  kernel rows[tile_rows];
  constexpr tile_kernels() : rows{} {
    [this]<int... I>(std::integer_sequence<int, I...>) { ((rows[I] = &multiply_tile<I + 1, Vectors>), ...); }(
        std::make_integer_sequence<int, tile_rows>{});
  }
};
template <int Vectors>
inline constexpr tile_kernels<Vectors> tile_kernel{};

}  // namespace detail

inline void multiply_tile(int rows, int vectors, float const* a, float const* b, int depth, float* c, std::ptrdiff_t c_stride, bool add,
                          prefetch ahead = {}) {
  auto const& kernels = vectors == tile_vectors ? detail::tile_kernel<tile_vectors>.rows : detail::tile_kernel<1>.rows;
  kernels[rows - 1](a, b, depth, c, c_stride, add, ahead.first ? ahead : prefetch{b, 0});
}

}  // namespace frcnn::simd

#endif
