#pragma once
// The best product of two thin matrices for a matrix: W [u, v] ~ second [u, t] first [t, v], from W's t largest singular values.
//
//   W = U S V^T,   first = S_t V_t^T,   second = U_t          (Fast R-CNN, section 3.1)
//
// 1. A [m, n]: W or W^T, whichever is wide (m <= n); G = A A^T in double, from strips of A's columns
// 2. G = Q diag(s^2) Q^T: a symmetric eigenproblem of side m. With 1 a quarter of the time of an SVD of A (measured, 2048 x 12544)
// 3. R = Q_t^T A, whose rows are as long as the singular values. Of a wide W, second = Q_t and first = R; of a tall one,
//    first = S Q_t^T and second = R^T / S
// Squaring loses singular values under 1e-8 of the largest, not the product: Q is orthogonal, so rank m gives W back to rounding.
// No other product of rank t is closer to W (Eckart and Young): the relative error sqrt(sum of s_k^2, k > t) / |W| is reported.
//
// All matrices row-major. BLAS and LAPACK run on `threads` threads (0: as many as they like), where OpenMP steers them.
// 4096 x 25088 to rank 1024: 14 s on two cores. Memory beside W and the result: 3 m^2 doubles.
// Throws error where t is not in 1 .. min(u, v), an element is not finite, or the eigenproblem does not converge.
//
// Example: W = [3 0; 0 1; 0 0], t = 1: values {3}, first [3 0], second [1; 0; 0], both up to a sign; error sqrt(1 / 10)
// Not in a build without BLAS (FRCNN_HAS_BLAS is 0).
#include "frcnn/config.hpp"

#if FRCNN_HAS_BLAS
#include "frcnn/core/backend.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/openmp_threads.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <span>
#include <string>
#include <vector>

#include <xtensor-blas/xblas_config.hpp>  // says which BLAS interface; the next ones read it

#include <xflens/cxxblas/drivers/drivers.h>
#include <xflens/cxxlapack/netlib/netlib.h>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T>
struct low_rank {
  std::vector<T> first, second;  // [t, v], [u, t]
  std::vector<double> values;    // t singular values, descending
  double error = 0;              // |W - second first| / |W|, Frobenius; of the factors before they are rounded to T
};

namespace detail {

// G [m, m], symmetric, its upper half given, becomes its eigenvectors: row k belongs to values[k], ascending.
inline std::vector<double> eigenvectors(std::vector<double>& g, int m) {
  using cxxlapack::dsyevd_;
  std::vector<double> values(static_cast<std::size_t>(m)), work(1);
  std::vector<int> integers(1);
  int ask = -1, info = 0, size = ask, integer_size = ask;
  for (bool const asking : {true, false}) {
    // Row-major upper is column-major lower.
    dsyevd_("V", "L", &m, g.data(), &m, values.data(), work.data(), &size, integers.data(), &integer_size, &info);
    if (info) throw error("truncated SVD", "an eigenproblem that converges", "LAPACK's answer " + std::to_string(info));
    if (!asking) break;
    work.resize(static_cast<std::size_t>(size = static_cast<int>(work[0])));
    integers.resize(static_cast<std::size_t>(integer_size = integers[0]));
  }
  return values;
}

}  // namespace detail

template <Real T>
low_rank<T> truncated_svd(std::span<T const> w, int u, int v, int t, int threads = 0) {
  FRCNN_ASSERT(w.size() == static_cast<std::size_t>(u) * static_cast<std::size_t>(v));
  int const m = std::min(u, v), n = std::max(u, v);
  bool const wide = u <= v;
  if (t < 1 || t > m)
    throw error("rank of a " + std::to_string(u) + " x " + std::to_string(v) + " matrix", "1 to " + std::to_string(m), std::to_string(t));
  if (m > 32000) throw error("truncated SVD", "a shorter side of at most 32000", std::to_string(m));  // LAPACK counts its memory in int
  if (!std::ranges::all_of(w, [](T x) { return is_finite(x); })) throw error("truncated SVD", "finite numbers", "one that is not");
  openmp_threads const limit(threads);

  auto const at = [](int row, int columns, int column = 0) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column);
  };
  // A strip of A's columns, [m, count]: 1024 of them fill the cores and stay small beside G.
  int const widest = std::min(n, 1024);
  std::vector<double> strip(at(m, widest));
  auto const each_strip = [&](auto use) {
    for (int begin = 0, count = 0; begin < n; begin += count) {
      count = std::min(widest, n - begin);
      for (int i = 0; i < m; ++i)
        for (int j = 0; j < count; ++j) strip[at(i, count, j)] = static_cast<double>(w[wide ? at(i, v, begin + j) : at(begin + j, v, i)]);
      use(begin, count);
    }
  };

  // 1
  std::vector<double> q(at(m, m));
  each_strip(
      [&](int, int count) { cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, m, count, 1.0, strip.data(), count, 1.0, q.data(), m); });

  // 2
  auto const squares = detail::eigenvectors(q, m);
  double all = 0, left_out = 0;
  for (int k = 0; k < m; ++k) {
    double const square = std::max(0.0, squares[static_cast<std::size_t>(k)]);
    all += square;
    if (k < m - t) left_out += square;
  }
  auto const leading = [&](int k) { return q.data() + at(m - 1 - k, m); };  // the vector of singular value k, [m]

  // 3
  low_rank<T> result{std::vector<T>(at(t, v)), std::vector<T>(at(u, t)), std::vector<double>(static_cast<std::size_t>(t)),
                     all > 0 ? std::sqrt(left_out / all) : 0};
  std::vector<T> long_rows(wide ? 0 : at(t, n));
  T* const r = wide ? result.first.data() : long_rows.data();  // R [t, n]
  std::vector<double> product(at(t, widest));                  // rows from the smallest of the t
  each_strip([&](int begin, int count) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, t, count, m, 1.0, leading(t - 1), m, strip.data(), count, 0.0, product.data(),
                count);
    for (int k = 0; k < t; ++k)
      for (int j = 0; j < count; ++j) {
        double const x = product[at(t - 1 - k, count, j)];
        result.values[static_cast<std::size_t>(k)] += x * x;
        r[at(k, n, begin + j)] = static_cast<T>(x);
      }
  });
  for (int k = 0; k < t; ++k) {
    double const s = result.values[static_cast<std::size_t>(k)] = std::sqrt(result.values[static_cast<std::size_t>(k)]);
    for (int i = 0; i < m; ++i)
      (wide ? result.second[at(i, t, k)] : result.first[at(k, v, i)]) = static_cast<T>(wide ? leading(k)[i] : s * leading(k)[i]);
    if (!wide && s > 0)
      for (int j = 0; j < u; ++j) result.second[at(j, t, k)] = static_cast<T>(static_cast<double>(r[at(k, n, j)]) / s);
  }
  return result;
}

}  // namespace frcnn
FRCNN_HIDDEN_END

#endif
