#include "frcnn/backend/cpu/kernels/winograd/weights.hpp"

#if FRCNN_HAS_FAST

#include "../../tensors.hpp"
#include "matrices.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

using winograd_tests::matrix;

struct layer {
  int channels, out_channels;
  std::size_t size() const { return std::size_t(9) * channels * out_channels; }
};
layer const layers[] = {{16, 16}, {32, 48}, {48, 32}, {16, 80}};

// Tap (i, j) of weight [O, 3, 3, C].
std::size_t at(layer const& l, int o, int i, int j, int c) { return std::size_t(((o * 3 + i) * 3 + j) * l.channels + c); }

// The factors of the weight from o's channel c, taps turned by 180 degrees or not.
matrix expected(layer const& l, std::vector<float> const& w, int o, int c, bool turned) {
  matrix taps = winograd_tests::zeros(3, 3);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) taps(i, j) = w[turned ? at(l, o, 2 - i, 2 - j, c) : at(l, o, i, j, c)];
  return both(winograd_tests::G, taps, winograd_tests::G);
}

// Factor q from channel `from` of `froms` to channel `to` of `tos`: [panels of `to`][products][froms][panel].
std::size_t factor(int froms, int tos, int q, int from, int to) {
  int const first = to / simd::panel * simd::panel, width = std::min(simd::panel, tos - first);
  return std::size_t(winograd::products) * froms * first + (std::size_t(q) * froms + from) * width + (to - first);
}

}  // namespace

TEST_CASE("winograd weights: factors are G w G^T, panel by panel; backward the taps are turned and channels change sides") {
  for (auto const& l : layers) {
    auto const w = normals<float>(l.size(), 1);
    std::size_t const n = winograd::factors(l.channels, l.out_channels);
    CHECK(n == winograd::products * l.size() / 9);
    std::vector<float> first, first_back;
    for (int threads : {1, 2, 3}) {
      cpu::context const c(threads);
      auto forward = nans<float>(n), backward = nans<float>(n);
      winograd::transform_weights(c, {w.data(), l.channels, l.out_channels}, forward.data());
      winograd::transform_weights(c, {w.data(), l.out_channels, l.channels, true}, backward.data());
      if (threads == 1) first = forward, first_back = backward;
      CHECK(same_bits(forward, first));
      CHECK(same_bits(backward, first_back));
    }
    std::vector<double> forward(n), backward(n);
    for (int o = 0; o < l.out_channels; ++o)
      for (int ch = 0; ch < l.channels; ++ch) {
        auto const u = expected(l, w, o, ch, false), v = expected(l, w, o, ch, true);
        for (int q = 0; q < winograd::products; ++q) {
          forward[factor(l.channels, l.out_channels, q, ch, o)] = u.at[std::size_t(q)];
          backward[factor(l.out_channels, l.channels, q, o, ch)] = v.at[std::size_t(q)];
        }
      }
    CHECK(near(first, forward, 1e-6));
    CHECK(near(first_back, backward, 1e-6));
  }
}

TEST_CASE("winograd weights: a gradient's taps are G^T sums G; set reads nothing, add adds") {
  constexpr int stride = 3 * simd::lanes, tap = 2 * simd::lanes;
  auto const sums = normals<float>(std::size_t(winograd::products) * stride, 1), before = normals<float>(9 * tap, 2);
  std::vector<double> expected(before.begin(), before.end());
  for (int lane = 0; lane < simd::lanes; ++lane) {
    matrix m = winograd_tests::zeros(winograd::inputs, winograd::inputs);
    for (int q = 0; q < winograd::products; ++q) m.at[std::size_t(q)] = sums[std::size_t(q * stride + lane)];
    auto const d = both(turned(winograd_tests::G), m, turned(winograd_tests::G));
    for (int t = 0; t < 9; ++t) expected[std::size_t(t * tap + lane)] = d(t / 3, t % 3);
  }
  auto set = before, added = before;
  for (int t = 0; t < 9; ++t) std::fill_n(&set[std::size_t(t * tap)], simd::lanes, std::numeric_limits<float>::quiet_NaN());
  winograd::gather_taps(sums.data(), stride, set.data(), tap, false);
  winograd::gather_taps(sums.data(), stride, added.data(), tap, true);
  CHECK(near(set, expected, 1e-6));
  for (int t = 0; t < 9; ++t)
    for (int lane = 0; lane < tap; ++lane) {
      std::size_t const i = std::size_t(t * tap + lane);
      CHECK(added[i] == (lane < simd::lanes ? before[i] + set[i] : before[i]));
    }
}

}  // namespace cpu_tests

#endif
