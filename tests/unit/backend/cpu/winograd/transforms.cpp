#include "frcnn/backend/cpu/winograd/transforms.hpp"

#if FRCNN_HAS_ONEDNN

#include "matrices.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;
using winograd_tests::matrix;

namespace {

// f(from, to) on vectors that hold the unit vectors of m's columns, each lane another multiple.
template <class F>
void check(matrix const& m, double tolerance, F f) {
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
        double const expected = i < m.rows ? m(i, column) * (l - 2) : 77;
        CHECK(std::abs(static_cast<double>(lane[l]) - expected) <= tolerance * std::abs(expected));
      }
    }
  }
}

}  // namespace

TEST_CASE("Winograd: the matrices make a convolution of three taps") {
  auto const& m = winograd_tests::exact;
  for (int tap = 0; tap < winograd::taps; ++tap)
    for (int x = 0; x < winograd::inputs; ++x)
      for (int y = 0; y < winograd::outputs; ++y) {
        double sum = 0;
        for (int q = 0; q < winograd::inputs; ++q) sum += m.At(y, q) * m.G(q, tap) * m.Bt(q, x);
        CHECK(std::abs(sum - (x == y + tap ? 1 : 0)) < 1e-13);
      }
}

TEST_CASE("Winograd: inputs, B^T, outputs, A^T, and gradients by outputs, A, exactly") {
  check(winograd_tests::exact.Bt, 0, [](auto* in, auto* out) { winograd::input(in, out); });
  check(winograd_tests::exact.At, 0, [](auto* in, auto* out) { winograd::output(in, out); });
  check(turned(winograd_tests::exact.At), 0, [](auto* in, auto* out) { winograd::output_gradient(in, out); });
}

TEST_CASE("Winograd: weights, G, and their gradients, G^T") {
  constexpr double rounding = 2e-7;  // 2/9 is no float
  check(winograd_tests::exact.G, rounding, [](auto* in, auto* out) { winograd::weight(in, out); });
  check(turned(winograd_tests::exact.G), rounding, [](auto* in, auto* out) { winograd::weight_gradient(in, out); });
}

#endif
