#pragma once
// GEMM on the calling thread for builds without a BLAS (FRCNN_BLAS): float and double, on the vectors that the compiler has, without a library.
//
//   product(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc)    C [m,n] = alpha op(A) [m,k] op(B) [k,n] + beta C, row-major
// beta == 0 does not read C. Loops, from the outside (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008):
//   depth     of at most product_depth, added to C one behind the other
//   columns   some panels of op(B) are packed: [panel][depth][panel_columns], 128 KiB on the stack
//   rows      a group of op(A) is packed: [depth][group], and multiplied with each of those panels, its sums in registers
// What a group or a panel lacks is zeros. Each sum is taken in the order of depth, whatever m and n are: an element of C has the same bits in
// every product that has its row and its column. (BLAS chooses its order by the shape of a product.)
#include "frcnn/config.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::portable {

namespace detail {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64, group_rows = 14;  // 14 x 2 sums + 3 of 32 registers
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32, group_rows = 6;  // 6 x 2 + 3 of 16
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16, group_rows = 14;
#else
inline constexpr int vector_bytes = 16, group_rows = 6;
#endif
inline constexpr int panel_vectors = 2, product_depth = 256, panels_bytes = 128 * 1024;

typedef float float_vector __attribute__((vector_size(vector_bytes)));
typedef double double_vector __attribute__((vector_size(vector_bytes)));
template <class T>
using vector_of = std::conditional_t<std::is_same_v<T, float>, float_vector, double_vector>;

template <class T>
inline constexpr int vector_lanes = vector_bytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int panel_columns = panel_vectors* vector_lanes<T>;

// a * b + c, rounded once where the machine can: the build keeps the compiler from making one of two (FRCNN_EXACT).
inline float_vector multiply_add(float_vector a, float_vector b, float_vector c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX__) && defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}
inline double_vector multiply_add(double_vector a, double_vector b, double_vector c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX__) && defined(__FMA__)
  return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f64(c, a, b);
#else
  return a * b + c;
#endif
}

// A matrix whose element (i, j) lies at data[i * row + j * column].
template <class T>
struct strided {
  T const* data;
  std::ptrdiff_t row, column;

  strided from(std::ptrdiff_t i, std::ptrdiff_t j) const { return {data + i * row + j * column, row, column}; }
  strided transposed() const { return {data, column, row}; }
};

// out [depth][Width] = a [count <= Width, depth]^T, zeros behind count.
template <int Width, class T>
void pack(strided<T> a, int count, int depth, T* out) {
  if (count < Width) std::fill_n(out, static_cast<std::ptrdiff_t>(depth) * Width, T(0));
  if (a.row == 1 && count == Width) {
    for (int d = 0; d < depth; ++d) std::copy_n(a.data + d * a.column, Width, out + static_cast<std::ptrdiff_t>(d) * Width);
  } else {
    // A few of its lines at a time, so that what is written stays near.
    constexpr int together = 16;
    for (int begin = 0; begin < depth; begin += together) {
      int const end = std::min(begin + together, depth);
      for (int i = 0; i < count; ++i) {
        T const* const from = a.data + i * a.row;
        for (int d = begin; d < end; ++d) out[static_cast<std::ptrdiff_t>(d) * Width + i] = from[d * a.column];
      }
    }
  }
}

#if defined(__CUDACC__)  // its front end knows neither
#define FRCNN_UNROLL_GROUP
#elif defined(__clang__)
#define FRCNN_UNROLL_GROUP _Pragma("clang loop unroll(full)")
#else
#define FRCNN_UNROLL_GROUP _Pragma("GCC unroll 16")
#endif

// sums [Rows][panel_columns] = the first Rows of a packed group by a packed panel.
template <int Rows, class T>
FRCNN_NOINLINE void multiply_group(T const* a, T const* b, int depth, T* sums) {
  using vector = vector_of<T>;
  vector sum[Rows][panel_vectors] = {};
  for (int d = 0; d < depth; ++d, a += group_rows, b += panel_columns<T>) {
    vector const b0 = *reinterpret_cast<vector const*>(b), b1 = *reinterpret_cast<vector const*>(b + vector_lanes<T>);
    FRCNN_UNROLL_GROUP
    for (int i = 0; i < Rows; ++i) {
      vector const factor = a[i] - vector{};  // in every lane
      sum[i][0] = multiply_add(factor, b0, sum[i][0]);
      sum[i][1] = multiply_add(factor, b1, sum[i][1]);
    }
  }
  FRCNN_UNROLL_GROUP
  for (int i = 0; i < Rows; ++i)
    for (int v = 0; v < panel_vectors; ++v) *reinterpret_cast<vector*>(sums + i * panel_columns<T> + v * vector_lanes<T>) = sum[i][v];
}

#undef FRCNN_UNROLL_GROUP

// c [rows, columns] = alpha sums + (adds ? beta c : 0)
template <class T>
void put(T const* sums, int rows, int columns, T alpha, T beta, bool adds, T* c, std::ptrdiff_t ldc) {
  for (int i = 0; i < rows; ++i, c += ldc, sums += panel_columns<T>) {
    if (adds) {
      FRCNN_INDEPENDENT
      for (int j = 0; j < columns; ++j) c[j] = alpha * sums[j] + beta * c[j];
    } else {
      FRCNN_INDEPENDENT
      for (int j = 0; j < columns; ++j) c[j] = alpha * sums[j];
    }
  }
}

}  // namespace detail

template <class T>
void product(bool ta, bool tb, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, T alpha, T const* a, std::ptrdiff_t lda, T const* b,
             std::ptrdiff_t ldb, T beta, T* c, std::ptrdiff_t ldc) {
  using namespace detail;
  constexpr int width = panel_columns<T>;
  constexpr std::ptrdiff_t batch = panels_bytes / sizeof(T) / product_depth;  // columns that are packed at once
  static_assert(batch % width == 0);
  alignas(64) T panels[batch * product_depth];
  alignas(64) T group[group_rows * product_depth];
  alignas(64) T sums[group_rows * width];
  strided<T> const left{a, ta ? 1 : lda, ta ? lda : 1}, right{b, tb ? 1 : ldb, tb ? ldb : 1};
  for (std::ptrdiff_t k0 = 0; k0 == 0 || k0 < k; k0 += product_depth) {
    int const depth = static_cast<int>(std::min<std::ptrdiff_t>(product_depth, k - k0));
    T const factor = k0 == 0 ? beta : T(1);  // of what c has
    for (std::ptrdiff_t n0 = 0; n0 < n; n0 += batch) {
      std::ptrdiff_t const columns = std::min(batch, n - n0);
      for (std::ptrdiff_t j = 0; j < columns; j += width)
        pack<width>(right.from(k0, n0 + j).transposed(), static_cast<int>(std::min<std::ptrdiff_t>(width, columns - j)), depth,
                    panels + j * product_depth);
      for (std::ptrdiff_t i = 0, rows = 0; i < m; i += rows) {
        rows = std::min<std::ptrdiff_t>(group_rows, m - i);
        pack<group_rows>(left.from(i, k0), static_cast<int>(rows), depth, group);
        for (std::ptrdiff_t j = 0; j < columns; j += width) {
          if (rows > 2) multiply_group<group_rows>(group, panels + j * product_depth, depth, sums);
          else multiply_group<2>(group, panels + j * product_depth, depth, sums);
          put(sums, static_cast<int>(rows), static_cast<int>(std::min<std::ptrdiff_t>(width, columns - j)), alpha, factor, factor != T(0),
              c + i * ldc + n0 + j, ldc);
        }
      }
    }
  }
}

}  // namespace frcnn::cpu_backend::portable
FRCNN_HIDDEN_END
