#pragma once
// Matrix products through xtensor-blas's C interface to BLAS, or by our own kernel where the build has no BLAS (FRCNN_BLAS,
// portable/product.hpp). All matrices are row-major.
//
//   gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc)    C [m,n] = alpha op(A) [m,k] op(B) [k,n] + beta C, on the calling thread
//   parallel_gemm(c, ...)                                          the same, on the context's threads
// beta == 0 does not read C. Only the declarations of BLAS are included: the whole of cxxblas costs 0.6 s per file, xtensor-blas 1.7 s.
//
// parallel_gemm cuts the longer side of C into pieces that depend on the shape alone: BLAS chooses its kernels, and with them the order of
// the inner sums, by the shape of a product, so that a cut by threads would change the bits with their number.
// Example: A = [1 2], B = [3 4] (tb): C = [11]
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/backend/cpu/portable/product.hpp"

#if FRCNN_HAS_BLAS

#include "frcnn/core/openmp_threads.hpp"

#include <complex>
#include <type_traits>

#include <xtensor-blas/xblas_config.hpp>  // says which BLAS interface; the next one reads it

#include <xflens/cxxblas/drivers/drivers.h>

#if !defined(_OPENMP) && defined(__GNUC__)
#include <mutex>
extern "C" {
void openblas_set_num_threads(int) __attribute__((weak));
int openblas_get_num_threads(void) __attribute__((weak));
int openblas_get_parallel(void) __attribute__((weak));
// Names of our own, since <omp.h> of one compiler declares them otherwise than another's.
void frcnn_omp_set_num_threads(int) __asm__("omp_set_num_threads") __attribute__((weak));
int frcnn_omp_get_max_threads(void) __asm__("omp_get_max_threads") __attribute__((weak));
}
#endif

#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

#if FRCNN_HAS_BLAS
// BLAS runs on the calling thread alone while it lives: the loops around it are ours. OpenBLAS's OpenMP build takes
// the number of threads that OpenMP has for the calling thread, which is the host's setting and is put back.
class serial_blas {
 public:
#if defined(_OPENMP)
  serial_blas() = default;
#else
  // Without OpenMP in this build OpenBLAS may still have threads. Built with OpenMP it asks for the calling thread's number; else the
  // number is one for the whole process, the first of ours takes it, and the last puts it back. Either belongs to the host: what it has set
  // meanwhile stays.
  serial_blas() {
#if defined(__GNUC__)
    if (uses_openmp()) {
      saved_ = frcnn_omp_get_max_threads();
      if (saved_ != 1) frcnn_omp_set_num_threads(1);
    } else if (has_threads()) {
      host& h = the_host();
      std::lock_guard const lock(h.guard);
      if (h.users++ > 0) return;
      h.threads = openblas_get_num_threads();
      if (h.threads > 1) openblas_set_num_threads(1);
    }
#endif
  }
  ~serial_blas() {
#if defined(__GNUC__)
    if (uses_openmp()) {
      if (saved_ != 1 && frcnn_omp_get_max_threads() == 1) frcnn_omp_set_num_threads(saved_);
    } else if (has_threads()) {
      host& h = the_host();
      std::lock_guard const lock(h.guard);
      if (--h.users == 0 && h.threads > 1 && openblas_get_num_threads() == 1) openblas_set_num_threads(h.threads);
    }
#endif
  }
#endif
  serial_blas(serial_blas const&) = delete;
  serial_blas& operator=(serial_blas const&) = delete;

 private:
#if !defined(_OPENMP) && defined(__GNUC__)
  static bool uses_openmp() {
    return openblas_get_parallel && openblas_get_parallel() == 2 && frcnn_omp_set_num_threads && frcnn_omp_get_max_threads;
  }
  static bool has_threads() { return openblas_set_num_threads && openblas_get_num_threads; }
  struct host {
    std::mutex guard;
    int users = 0, threads = 1;
  };
  static host& the_host() {
    static host h;
    return h;
  }
#endif
#if defined(_OPENMP)
  openmp_threads one_{1};
#else
  [[maybe_unused]] int saved_ = 1;
#endif
};
#endif

template <Real T>
void gemm(bool ta, bool tb, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, T alpha, T const* a, std::ptrdiff_t lda, T const* b,
          std::ptrdiff_t ldb, T beta, T* c, std::ptrdiff_t ldc) {
  if (m <= 0 || n <= 0) return;
#if FRCNN_HAS_BLAS
  serial_blas const serial;
  auto const op = [](bool t) { return t ? CblasTrans : CblasNoTrans; };
  auto const integer = [](std::ptrdiff_t v) { return static_cast<CBLAS_INT>(v); };
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, op(ta), op(tb), integer(m), integer(n), integer(k), alpha, a, integer(lda), b, integer(ldb), beta, c,
                integer(ldc));
  else
    cblas_dgemm(CblasRowMajor, op(ta), op(tb), integer(m), integer(n), integer(k), alpha, a, integer(lda), b, integer(ldb), beta, c,
                integer(ldc));
#else
  cpu_backend::portable::product<T>(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#endif
}

template <Real T>
void parallel_gemm(cpu::context const& c, bool ta, bool tb, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, T alpha, T const* a,
                   std::ptrdiff_t lda, T const* b, std::ptrdiff_t ldb, T beta, T* out, std::ptrdiff_t ldc) {
  bool const by_rows = m > n;
  std::ptrdiff_t const side = by_rows ? m : n;
  // At least 128 (every piece packs the other operand anew), at most 16 pieces, multiples of 64.
  std::ptrdiff_t const block = std::max<std::ptrdiff_t>(128, (side / 16 + 63) / 64 * 64);
  // Under 2^18 multiplications (some 5 us) a team is not worth waking.
  bool const too_little = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 262144.0;
  std::size_t const blocks = static_cast<std::size_t>((side + block - 1) / block);
  parallel_for(c, blocks, too_little ? blocks : 1, [=](std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; ++at) {
      std::ptrdiff_t const first = static_cast<std::ptrdiff_t>(at) * block, count = std::min(block, side - first);
      if (by_rows) gemm(ta, tb, count, n, k, alpha, ta ? a + first : a + first * lda, lda, b, ldb, beta, out + first * ldc, ldc);
      else gemm(ta, tb, m, count, k, alpha, a, lda, tb ? b + first * ldb : b + first, ldb, beta, out + first, ldc);
    }
  });
}

}  // namespace frcnn
FRCNN_HIDDEN_END
