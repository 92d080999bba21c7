#include "frcnn/backend/cpu/kernels/winograd/backward_weight.hpp"

#if FRCNN_HAS_FAST

#include "../../convolutions.hpp"

#include <doctest/doctest.h>

#include <array>

namespace cpu_tests {

namespace {

std::vector<float> gradient(cpu::context& c, numbered const& l, bool add, std::vector<float> const& before) {
  poison(c);
  tensor<float> x(c, l.xs, l.x), dy(c, l.ys, l.g);
  auto dw = channels_last(before, l.spec.out_channels, l.spec.in_channels, l.cells);
  winograd::backward_weight(c, l.spec.in_channels, l.spec.out_channels, x.a.data, dy.a.data, l.xs, dw.data(), add);
  return channels_last(dw, l.spec.out_channels, l.spec.in_channels, l.cells, true);
}

}  // namespace

TEST_CASE("winograd: the gradient by the weights against direct convolution in double; the number of threads changes no bit") {
  for (auto [images, channels, out_channels, height, width] :
       {std::array{1, 16, 16, 1, 1}, std::array{1, 32, 16, 2, 3}, std::array{2, 16, 32, 4, 4}, std::array{1, 48, 48, 5, 9},
        std::array{3, 16, 48, 7, 1}, std::array{1, 80, 32, 1, 18}, std::array{2, 16, 16, 13, 8}, std::array{2, 32, 16, 10, 15},
        std::array{1, 16, 16, 11, 3}, std::array{3, 16, 16, 7, 7}, std::array{1, 16, 16, 270, 350},  // several blocks of tiles
        std::array{1, 528, 16, 45, 46},  // a block that is written around the caches
        std::array{0, 16, 16, 5, 5}}) {
    numbered const l({{channels, out_channels, 3, 1, 1, false}, {{images, channels, height, width}}});
    CAPTURE(to_string(l.xs));
    cpu::context one(1), two(2), three(3);
    auto const blank = nans<float>(l.w.size()), before = normals<float>(l.w.size(), 5), dw = gradient(one, l, false, blank);
    auto const expected = l.expected().dw;
    CHECK(relative_l2(dw, expected) <= 1e-5);
    CHECK(same_bits(gradient(two, l, false, blank), dw));
    CHECK(same_bits(gradient(three, l, false, blank), dw));
    auto const added = gradient(two, l, true, before);
    if (height < 100) CHECK(same_bits(added, plus(before, dw)));
    else
      CHECK(relative_l2(added, plus(std::vector<double>(before.begin(), before.end()), expected)) <=
            1e-5);  // block after block: another order
  }
}

TEST_CASE("winograd: a NaN in x or dy reaches the gradient") {
  for (bool in_x : {false, true}) {
    numbered l({{16, 16, 3, 1, 1, false}, {{1, 16, 6, 6}}});
    (in_x ? l.x : l.g)[8] = std::numeric_limits<float>::quiet_NaN();  // channel 0
    cpu::context c(2);
    auto const dw = gradient(c, l, false, nans<float>(l.w.size()));
    for (int o = 0; o < 16; ++o)
      for (int ch = 0; ch < 16; ++ch) CHECK(std::isnan(dw[std::size_t((o * 16 + ch) * 9 + 4)]) == ((in_x ? ch : o) == 0));
  }
}

}  // namespace cpu_tests

#endif
