#include "frcnn/backend/cpu/kernels/winograd/transforms.hpp"

#if FRCNN_HAS_FAST

#include "matrices.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;
using namespace frcnn::cpu_backend;
using winograd_tests::matrix;

namespace {

// f(from, to) on vectors that hold the unit vectors of m's columns, each lane another multiple; written(i): whether `to` has a row i.
template <class F, class Written>
void check(matrix const& m, double tolerance, F f, Written written) {
  for (int column = 0; column < m.columns; ++column) {
    simd::vec in[8], out[8];
    for (auto& v : in) v = simd::vec(0.f);
    for (auto& v : out) v = simd::vec(77.f);
    float lane[simd::lanes];
    for (int l = 0; l < simd::lanes; ++l) lane[l] = static_cast<float>(l - 2);
    in[column] = simd::load(lane);
    f(in, out);
    for (int i = 0; i < 8; ++i) {
      simd::store(lane, out[i]);
      for (int l = 0; l < simd::lanes; ++l) {
        CAPTURE(i);
        CAPTURE(column);
        double const expected = written(i) ? m(i, column) * (l - 2) : 77;
        CHECK(std::abs(static_cast<double>(lane[l]) - expected) <= tolerance * std::abs(expected));
      }
    }
  }
}

auto below(int rows) {
  return [rows](int i) { return i < rows; };
}

}  // namespace

TEST_CASE("Winograd: the matrices make a convolution of three taps, of 6, 4 or 2 outputs") {
  for (int m : {6, 4, 2}) {
    auto const& [Bt, At] = winograd_tests::exact(m);
    for (int tap = 0; tap < winograd::taps; ++tap)
      for (int x = 0; x < m + 2; ++x)
        for (int y = 0; y < m; ++y) {
          double sum = 0;
          for (int q = 0; q < winograd::inputs; ++q) sum += At(y, q) * winograd_tests::G(q, tap) * Bt(q, x);
          CHECK(std::abs(sum - (x == y + tap ? 1 : 0)) < 1e-13);
        }
  }
}

TEST_CASE("Winograd: outputs need two products more than they are") {
  for (int m : {6, 4, 2}) {
    int needed = 0;
    for (int q = 0; q < winograd::inputs; ++q) {
      bool read = false;
      for (int y = 0; y < m; ++y) read = read || winograd_tests::exact(m).At(y, q) != 0;
      CHECK(winograd::needs(m, q) == read);
      needed += read;
    }
    CHECK(needed == m + 2);
  }
}

TEST_CASE("Winograd: inputs, B^T, outputs, A^T, and gradients by outputs, A, exactly; what is not needed is not touched") {
  winograd_tests::for_each_side([]<int M>() {
    CAPTURE(M);
    auto const& [Bt, At] = winograd_tests::exact(M);
    auto const needed = [](int q) { return winograd::needs(M, q); };
    check(
        Bt, 0, [](auto* in, auto* out) { winograd::input<M>(in, out); }, needed);
    check(
        At, 0, [](auto* in, auto* out) { winograd::output<M>(in, out); }, below(M));
    check(
        turned(At), 0, [](auto* in, auto* out) { winograd::output_gradient<M>(in, out); }, needed);
  });
}

TEST_CASE("Winograd: weights, G, and their gradients, G^T") {
  constexpr double rounding = 2e-7;  // 2/9 is no float
  check(
      winograd_tests::G, rounding, [](auto* in, auto* out) { winograd::weight(in, out); }, below(8));
  check(
      turned(winograd_tests::G), rounding, [](auto* in, auto* out) { winograd::weight_gradient(in, out); }, below(3));
}

#endif
