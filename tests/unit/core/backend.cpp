// What is a backend, and what is not.
#include "frcnn/core/backend.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace frcnn;

TEST_CASE("backend: a tag that names a device") {
  static_assert(Backend<cpu>);
  static_assert(!Backend<int> && !Backend<cpu::context>);
  struct with_state : cpu {
    int device = 0;
  };
  static_assert(!Backend<with_state>);  // state belongs to the context
  static_assert(std::is_same_v<activation<float, cpu>, cpu::activation<float>>);
  static_assert(Real<float> && Real<double> && !Real<int> && !Real<long double>);
}
