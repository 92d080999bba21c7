// The number of OpenMP's threads is put back.
#include "frcnn/core/openmp_threads.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

#if defined(_OPENMP)
TEST_CASE("openmp_threads: a number for the life of an object, and the host's behind it") {
  int const before = omp_get_max_threads();
  {
    openmp_threads const three(3);
    CHECK(omp_get_max_threads() == 3);
    {
      openmp_threads const as_it_is(0), one(1);
      CHECK(omp_get_max_threads() == 1);
    }
    CHECK(omp_get_max_threads() == 3);
  }
  CHECK(omp_get_max_threads() == before);
}
#endif
