#include "frcnn/backend/cpu/gemm.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <ctime>

namespace cpu_tests {

namespace {

template <class T>
std::vector<double> naive(bool ta, bool tb, int m, int n, int k, double alpha, std::vector<T> const& a, int lda, std::vector<T> const& b,
                          int ldb, double beta, std::vector<T> const& c, int ldc) {
  std::vector<double> out(c.begin(), c.end());
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l)
        sum += static_cast<double>(ta ? a[l * lda + i] : a[i * lda + l]) * static_cast<double>(tb ? b[j * ldb + l] : b[l * ldb + j]);
      out[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
    }
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: against loops, every transposition, both thread counts", T, float, double) {
  for (auto [m, n, k] : {std::array{1, 1, 1}, std::array{3, 5, 7}, std::array{130, 70, 33}, std::array{70, 500, 65}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        int const lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
        auto const a = normals<T>(std::size_t(ta ? k : m) * lda, 1), b = normals<T>(std::size_t(tb ? n : k) * ldb, 2);
        auto const before = normals<T>(std::size_t(m) * ldc, 3);
        auto const expected = naive<T>(ta, tb, m, n, k, 1.5, a, lda, b, ldb, 0.5, before, ldc);
        std::vector<T> serial = before, first;
        gemm<T>(ta, tb, m, n, k, T(1.5), a.data(), lda, b.data(), ldb, T(0.5), serial.data(), ldc);
        CHECK(near(serial, expected, tolerance<T>));
        for (int threads : {1, 2, 3}) {
          cpu::context c(threads);
          std::vector<T> out = before;
          parallel_gemm<T>(c, ta, tb, m, n, k, T(1.5), a.data(), lda, b.data(), ldb, T(0.5), out.data(), ldc);
          if (threads == 1) first = out;
          CHECK(near(out, expected, tolerance<T>));
          CHECK(same_bits(out, first));
        }
      }
}

TEST_CASE("gemm: beta 0 does not read C, empty sides do nothing, k 0 clears") {
  std::vector<float> const a{1, 2}, b{3, 4};
  std::vector<float> c = nans<float>(1);
  gemm<float>(false, true, 1, 1, 2, 1, a.data(), 2, b.data(), 2, 0, c.data(), 1);
  CHECK(c[0] == 11);
  gemm<float>(false, true, 0, 1, 2, 1, a.data(), 2, b.data(), 2, 0, c.data(), 1);
  CHECK(c[0] == 11);
}

TEST_CASE("gemm: one thread means one, whatever the caller's OpenMP and BLAS would take") {
  int const n = 700;
  auto const a = normals<float>(std::size_t(n) * n, 1), b = normals<float>(std::size_t(n) * n, 2);
  std::vector<float> out(a.size());
#if defined(_OPENMP)
  int const before = omp_get_max_threads();
  omp_set_num_threads(4);
#endif
  // The process's time runs with this thread's only while nobody else works for it.
  auto ratio = [&](auto&& work) {
    timespec const nap{0, 300000000};  // workers of earlier regions spin for a while
    nanosleep(&nap, nullptr);
    timespec process[2], own[2];
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process[0]);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own[0]);
    for (int i = 0; i < 10; ++i) work();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own[1]);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process[1]);
    auto const seconds = [](timespec const* t) { return double(t[1].tv_sec - t[0].tv_sec) + 1e-9 * double(t[1].tv_nsec - t[0].tv_nsec); };
    return seconds(process) / seconds(own);
  };
  cpu::context c(1);
  CHECK(ratio([&] { gemm<float>(false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, out.data(), n); }) < 1.2);
  CHECK(ratio([&] { parallel_gemm<float>(c, false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, out.data(), n); }) < 1.2);
#if defined(_OPENMP)
  CHECK(omp_get_max_threads() == 4);  // the caller's setting comes back
  omp_set_num_threads(before);
#endif
}

}  // namespace cpu_tests
