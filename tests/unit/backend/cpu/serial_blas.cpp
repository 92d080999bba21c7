// Compiled without OpenMP (tests/CMakeLists.txt), as with FRCNN_OPENMP=OFF: OpenBLAS's number of threads is the host's again after ours.
#include "frcnn/backend/cpu/gemm.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#if defined(_OPENMP)
#error "this file tests the build without OpenMP"
#endif

using namespace frcnn;

TEST_CASE("gemm without OpenMP: OpenBLAS's threads are put back") {
  if (!openblas_set_num_threads || !openblas_get_num_threads) {
    MESSAGE("skipped: BLAS is not OpenBLAS");
    return;
  }
  int const before = openblas_get_num_threads();
  openblas_set_num_threads(2);
  if (openblas_get_num_threads() != 2) {
    MESSAGE("skipped: this OpenBLAS has one thread");
    return;
  }
  auto const multiply = [] {
    cpu::context c;
    CHECK(c.threads() == 1);
    std::vector<float> const a(64 * 64, 1.f), b(64 * 64, 2.f);
    std::vector<float> product(64 * 64);
    for (int i = 0; i < 200; ++i)
      parallel_gemm<float>(c, false, false, 64, 64, 64, 1.f, a.data(), 64, b.data(), 64, 0.f, product.data(), 64);
    CHECK(product[5] == 128);
  };
  multiply();
  CHECK(openblas_get_num_threads() == 2);
  {
    serial_blas const outer;
    CHECK(openblas_get_num_threads() == 1);
    multiply();
    CHECK(openblas_get_num_threads() == 1);
  }
  CHECK(openblas_get_num_threads() == 2);
  // From several threads at once: the last one puts it back.
  {
    std::thread one(multiply), other(multiply);
    one.join(), other.join();
  }
  CHECK(openblas_get_num_threads() == 2);
  // Set by the host while we have it: that stays.
  {
    serial_blas const ours;
    openblas_set_num_threads(3);
  }
  CHECK(openblas_get_num_threads() == 3);
  openblas_set_num_threads(before);
}
