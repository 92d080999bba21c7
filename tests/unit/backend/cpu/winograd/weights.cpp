#include "frcnn/backend/cpu/winograd/weights.hpp"

#if FRCNN_HAS_ONEDNN

#include "../tensors.hpp"
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

using four = winograd::tile<4>;
using six = winograd::tile<6>;

// The factors of the weight from o's channel c, taps turned by 180 degrees or not.
template <class Tile>
matrix expected(layer const& l, std::vector<float> const& w, int o, int c, bool turned) {
  matrix taps = winograd_tests::zeros(3, 3);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) taps(i, j) = w[turned ? at(l, o, 2 - i, 2 - j, c) : at(l, o, i, j, c)];
  return both(winograd_tests::of<Tile>().G, taps);
}

// Factor q from channel `from` of `froms` to channel `to` of `tos`: [panels of `to`][products][froms][panel].
template <class Tile>
std::size_t factor(int froms, int tos, int q, int from, int to) {
  int const first = to / simd::panel * simd::panel, width = std::min(simd::panel, tos - first);
  return std::size_t(Tile::products) * froms * first + (std::size_t(q) * froms + from) * width + (to - first);
}

}  // namespace

TEST_CASE_TEMPLATE("winograd weights: factors are G w G^T, panel by panel; backward the taps are turned and channels change sides", Tile,
                   four, six) {
  for (auto const& l : layers) {
    auto const w = normals<float>(l.size(), 1);
    std::size_t const n = winograd::factors<Tile>(l.channels, l.out_channels);
    CHECK(n == Tile::products * l.size() / 9);
    std::vector<float> first, first_back;
    for (int threads : {1, 2, 3}) {
      cpu::context const c(threads);
      auto forward = nans<float>(n), backward = nans<float>(n);
      winograd::transform_weights<Tile>(c, w.data(), l.channels, l.out_channels, forward.data());
      winograd::transform_weights_backward<Tile>(c, w.data(), l.channels, l.out_channels, backward.data());
      if (threads == 1) first = forward, first_back = backward;
      CHECK(same_bits(forward, first));
      CHECK(same_bits(backward, first_back));
    }
    std::vector<double> forward(n), backward(n);
    for (int o = 0; o < l.out_channels; ++o)
      for (int ch = 0; ch < l.channels; ++ch) {
        auto const u = expected<Tile>(l, w, o, ch, false), v = expected<Tile>(l, w, o, ch, true);
        for (int q = 0; q < Tile::products; ++q) {
          forward[factor<Tile>(l.channels, l.out_channels, q, ch, o)] = u.at[std::size_t(q)];
          backward[factor<Tile>(l.out_channels, l.channels, q, o, ch)] = v.at[std::size_t(q)];
        }
      }
    CHECK(near(first, forward, 1e-6));
    CHECK(near(first_back, backward, 1e-6));
  }
}

TEST_CASE("winograd weights: a gradient is G^T sums G; set reads nothing, add adds") {
  for (auto const& l : layers) {
    auto const sums = normals<float>(std::size_t(36) * l.channels * l.out_channels, 1), before = normals<float>(l.size(), 2);
    auto const Gt = winograd_tests::turned(winograd_tests::four_outputs.G);
    std::vector<double> expected(l.size());
    for (int o = 0; o < l.out_channels; ++o)
      for (int ch = 0; ch < l.channels; ++ch) {
        matrix m = winograd_tests::zeros(6, 6);
        for (int q = 0; q < 36; ++q) m.at[std::size_t(q)] = sums[(std::size_t(q) * l.out_channels + o) * l.channels + ch];
        auto const d = both(Gt, m);
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) expected[at(l, o, i, j, ch)] = d(i, j);
      }
    std::vector<float> first;
    for (int threads : {1, 2, 3}) {
      cpu::context const c(threads);
      auto set = nans<float>(l.size()), added = before;
      winograd::gather_weight_gradient(c, sums.data(), l.channels, l.out_channels, set.data(), false);
      winograd::gather_weight_gradient(c, sums.data(), l.channels, l.out_channels, added.data(), true);
      if (threads == 1) first = set;
      CHECK(near(set, expected, 1e-6));
      CHECK(same_bits(set, first));
      CHECK(same_bits(added, plus(before, set)));
    }
  }
}

}  // namespace cpu_tests

#endif
