// Compiled without OpenMP (tests/CMakeLists.txt), as with FRCNN_OPENMP=OFF: OpenBLAS's number of threads is the host's again after ours.
#include "frcnn/backend/cpu/gemm.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#if defined(_OPENMP)
#error "this file tests the build without OpenMP"
#endif

#if FRCNN_HAS_BLAS

using namespace frcnn;

namespace {

// How many threads a product of this thread's would have.
int blas_threads() {
  return openblas_get_parallel && openblas_get_parallel() == 2 ? frcnn_omp_get_max_threads() : openblas_get_num_threads();
}

}  // namespace

TEST_CASE("gemm without OpenMP: OpenBLAS's threads are put back") {
  if (!openblas_set_num_threads || !openblas_get_num_threads) {
    MESSAGE("skipped: BLAS is not OpenBLAS");
    return;
  }
  int const before = blas_threads();
  openblas_set_num_threads(2);
  if (blas_threads() != 2) {
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
  CHECK(blas_threads() == 2);
  {
    serial_blas const outer;
    CHECK(blas_threads() == 1);
    multiply();
    CHECK(blas_threads() == 1);
  }
  CHECK(blas_threads() == 2);
  // From several threads at once: the last one puts it back.
  {
    auto const alone = [&] {
      serial_blas const outer;
      CHECK(blas_threads() == 1);
      multiply();
      CHECK(blas_threads() == 1);
    };
    std::thread one(alone), other(alone);
    one.join(), other.join();
  }
  CHECK(blas_threads() == 2);
  // Set by the host while we have it: that stays.
  {
    serial_blas const ours;
    openblas_set_num_threads(3);
  }
  CHECK(blas_threads() == 3);
  openblas_set_num_threads(before);
}

#endif
