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
    simd::vec in[8 * far], out[8 * far];
    for (auto& v : in) v = simd::vec(0.f);
    for (auto& v : out) v = simd::vec(77.f);
    float lane[simd::lanes];
    for (int l = 0; l < simd::lanes; ++l) lane[l] = static_cast<float>(l - 2);
    in[column * from] = simd::load(lane);
    f(in, out);
    for (int i = 0; i < 8 * far; ++i) {
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

using four = winograd::tile<4>;
using six = winograd::tile<6>;

template <class Tile>
void outputs(simd::vec const* in, simd::vec* out) {
  simd::unroll<Tile::outputs / 2>([&](auto p) { Tile::template output_pair<p>(in, out + 2 * p); });
}

}  // namespace

TEST_CASE_TEMPLATE("Winograd: the matrices make a convolution of three taps", Tile, four, six) {
  auto const& m = winograd_tests::of<Tile>();
  for (int tap = 0; tap < 3; ++tap)
    for (int x = 0; x < Tile::inputs; ++x)
      for (int y = 0; y < Tile::outputs; ++y) {
        double sum = 0;
        for (int q = 0; q < Tile::inputs; ++q) sum += m.At(y, q) * m.G(q, tap) * m.Bt(q, x);
        CHECK(std::abs(sum - (x == y + tap ? 1 : 0)) < 1e-13);
      }
}

TEST_CASE_TEMPLATE("Winograd: inputs, B^T, and outputs, A^T, exactly", Tile, four, six) {
  check(winograd_tests::of<Tile>().Bt, 1, 1, 0, [](auto* in, auto* out) { Tile::input(in, out); });
  check(winograd_tests::of<Tile>().At, 1, 1, 0, [](auto* in, auto* out) { outputs<Tile>(in, out); });
}

TEST_CASE_TEMPLATE("Winograd: weights, G", Tile, four, six) {
  auto const& G = winograd_tests::of<Tile>().G;
  check(G, 1, far, rounding, [](auto* in, auto* out) { Tile::template weight<1, far>(in, out); });
  check(G, far, 1, rounding, [](auto* in, auto* out) { Tile::template weight<far, 1>(in, out); });
}

TEST_CASE("F(4x4, 3x3): gradients by outputs, A, exactly, and by weights, G^T") {
  auto const A = turned(winograd_tests::four_outputs.At), Gt = turned(winograd_tests::four_outputs.G);
  check(A, 1, far, 0, [](auto* in, auto* out) { four::output_gradient<1, far>(in, out); });
  check(A, far, 1, 0, [](auto* in, auto* out) { four::output_gradient<far, 1>(in, out); });
  check(Gt, 1, far, rounding, [](auto* in, auto* out) { four::weight_gradient<1, far>(in, out); });
  check(Gt, far, 1, rounding, [](auto* in, auto* out) { four::weight_gradient<far, 1>(in, out); });
}

#endif
