#include "frcnn/backend/cpu/winograd/transforms.hpp"

#if FRCNN_HAS_ONEDNN

#include "matrices.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;
using winograd_tests::matrix;

namespace {

constexpr int far = 3;  // a distance between neighbours other than 1

// f(from, to) on vectors that hold the unit vectors of m's columns, each lane another multiple; `from` and `to` are distances.
template <class F>
void check(matrix const& m, int from, int to, double tolerance, F f) {
  for (int column = 0; column < m.columns; ++column) {
    simd::vec in[6 * far], out[6 * far];
    for (auto& v : in) v = simd::vec(0.f);
    for (auto& v : out) v = simd::vec(77.f);
    float lane[simd::lanes];
    for (int l = 0; l < simd::lanes; ++l) lane[l] = static_cast<float>(l - 2);
    in[column * from] = simd::load(lane);
    f(in, out);
    for (int i = 0; i < 6 * far; ++i) {
      simd::store(lane, out[i]);
      for (int l = 0; l < simd::lanes; ++l) {
        CAPTURE(i);
        CAPTURE(column);
        double const expected = i % to || i / to >= m.rows ? 77 : m(i / to, column) * (l - 2);
        CHECK(std::abs(static_cast<double>(lane[l]) - expected) <= tolerance * std::abs(expected));
      }
    }
  }
}

constexpr double rounding = 2e-7;  // 1/6 is no float

}  // namespace

TEST_CASE("F(4x4, 3x3): the matrices make a convolution of three taps") {
  using namespace winograd_tests;
  for (int tap = 0; tap < 3; ++tap)
    for (int x = 0; x < 6; ++x)
      for (int y = 0; y < 4; ++y) {
        double sum = 0;
        for (int q = 0; q < 6; ++q) sum += At(y, q) * G(q, tap) * Bt(q, x);
        CHECK(std::abs(sum - (x == y + tap ? 1 : 0)) < 1e-14);
      }
}

TEST_CASE("F(4x4, 3x3): inputs, B^T, exactly") {
  using namespace winograd;
  check(winograd_tests::Bt, 1, 1, 0, [](auto* in, auto* out) { transform_input<1>(in, out); });
  check(winograd_tests::Bt, far, far, 0, [](auto* in, auto* out) { transform_input<far>(in, out); });
}

TEST_CASE("F(4x4, 3x3): outputs, A^T, and their gradient, A, exactly") {
  using namespace winograd;
  auto const A = winograd_tests::turned(winograd_tests::At);
  check(winograd_tests::At, 1, far, 0, [](auto* in, auto* out) { transform_output<1, far>(in, out); });
  check(winograd_tests::At, far, 1, 0, [](auto* in, auto* out) { transform_output<far, 1>(in, out); });
  check(A, 1, far, 0, [](auto* in, auto* out) { transform_output_gradient<1, far>(in, out); });
  check(A, far, 1, 0, [](auto* in, auto* out) { transform_output_gradient<far, 1>(in, out); });
}

TEST_CASE("F(4x4, 3x3): weights, G, and their gradient, G^T") {
  using namespace winograd;
  auto const Gt = winograd_tests::turned(winograd_tests::G);
  check(winograd_tests::G, 1, far, rounding, [](auto* in, auto* out) { transform_weight<1, far>(in, out); });
  check(winograd_tests::G, far, 1, rounding, [](auto* in, auto* out) { transform_weight<far, 1>(in, out); });
  check(Gt, 1, far, rounding, [](auto* in, auto* out) { transform_weight_gradient<1, far>(in, out); });
  check(Gt, far, 1, rounding, [](auto* in, auto* out) { transform_weight_gradient<far, 1>(in, out); });
}

#endif
