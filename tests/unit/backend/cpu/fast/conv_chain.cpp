#include "frcnn/backend/cpu/fast/conv_chain.hpp"

#if FRCNN_HAS_FAST

#include "../chains.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

using shapes = ops_described::conv_chain;

constexpr int tall_for(int threads) { return winograd::outputs * fast::strip_run::tall * threads; }
constexpr int high = tall_for(3);

// Whole vectors of channels wherever Winograd is wanted. Heights are such that three threads get strips, and end within a tile.
struct run_case {
  std::vector<link> links;
  shape<4> x;
  int together;  // layers, for up to three threads
};
run_case all_of(shapes::problem const& p) { return {p.links, p.x, static_cast<int>(p.links.size())}; }
std::vector<run_case> const runs = {
    {{convolution(3, 16), convolution(16, 32), halving()}, {{1, 3, high - 3, 10}}, 3},                        // pictures first
    {{convolution(16, 16), convolution(16, 16), convolution(16, 32), halving()}, {{2, 16, high - 1, 7}}, 4},  // two images, odd sides
    {{convolution(16, 32), convolution(32, 16, 1, false)}, {{1, 16, high - 2, 1}}, 2},  // ends without a pool; one column
    {{convolution(5, 48), convolution(48, 16), convolution(16, 16), convolution(16, 16)}, {{1, 5, high, 9}}, 4},
    all_of(shapes::low()),
    all_of(shapes::of_many_channels()),  // by panels
    all_of(shapes::halved_up(2, 6, 8)),  // where nothing is left over
};

}  // namespace

TEST_CASE("strips: the bits of one layer after the other, from every number of threads, and the numbers of double" *
          doctest::skip(!simd::worthwhile)) {
  for (auto const& r : runs) {
    CAPTURE(to_string(r.x));
    chain<float> const narrow(r.links, r.x);
    cpu::context plain({.threads = 2, .engine = cpu_engine::portable}), one(1), two(2), three(3);
    auto const y = narrow.layer_by_layer(two);
    CHECK(relative_l2(y, chain<double>(r.links, r.x).layer_by_layer(plain)) <= 1e-5);
    for (auto* c : {&one, &two, &three}) {
      auto const layers = narrow.layers();
      CHECK(fast::layers_together(layers, r.x, c->threads()) == r.together);
      CHECK(layers.size() == std::size_t(r.together));  // so that forward runs it all
      poison(*c, std::size_t{16} << 20);
      tensor<float> tx(*c, narrow.xs, narrow.x), ty(*c, narrow.ys, nans<float>(narrow.ys.size()));
      fast::forward(*c, layers, tx.a, ty.a);
      CHECK(same_bits(ty.plain(), y));
    }
  }
}

TEST_CASE("strips: what goes together" * doctest::skip(!simd::worthwhile)) {
  auto const together = [](std::vector<link> const& links, shape<4> in, int threads = 2) {
    chain<float> const k(links, {{1, in[1], 4, 4}});  // weights are needed of no size of map
    auto const layers = k.layers();
    return fast::layers_together(layers, in, threads);
  };
  auto const of_one_thread = [&](shapes::problem const& p) { return together(p.links, p.x, 1); };
  shape<4> const tall{{1, 16, tall_for(2) - 5, 8}}, low{{1, 16, tall_for(2) - 6, 8}};
  std::vector<link> const three = {convolution(16, 16), convolution(16, 16), convolution(16, 16)};
  CHECK(together(three, tall) == 3);
  CHECK(together(three, low) == 1);
  CHECK(together(three, low, 1) == 3);
  // A first layer that is not Winograd's is bf16's: it joins no strip, whatever the threads.
  chain<float> const first({convolution(17, 32), convolution(32, 64)}, {{1, 17, 4, 4}});
  auto const layers = first.layers();
  CHECK(fast::layers_together(layers, tall, 1) == 2);
  for (int const threads : {1, 2, 3, 8}) CHECK(fast::layers_together(layers, tall, threads, compute::bf16) == 1);
  CHECK(together({convolution(16, 16), halving(), convolution(16, 16)}, low) == 2);
  CHECK(together({convolution(16, 16), convolution(16, 16, 2)}, tall) == 1);                           // another size
  CHECK(together({convolution(16, 512), convolution(512, 512)}, {{1, 16, 2 * tall_for(2), 8}}) == 1);  // by panels
  CHECK(together({convolution(256, 512), convolution(512, 16)}, {{1, 256, 2 * tall_for(2), 8}}) == 1);
  CHECK(together({convolution(16, 16), convolution(16, 5)}, tall) == 1);  // not Winograd's
  CHECK(together({convolution(16, 5), halving()}, tall) == 1);            // nor the pool behind it
  CHECK(together({halving(), convolution(16, 16)}, tall) == 1);
  CHECK(of_one_thread(shapes::one_row()) == 1);                                       // the pool's window is no longer whole
  CHECK(together({convolution(16, 16), shapes::pool({3, 2, 1, false})}, tall) == 1);  // another pool
  CHECK(of_one_thread(shapes::halved_up(2, 6, 8)) == 2);                              // rounded up: even sides only
  CHECK(of_one_thread(shapes::halved_up(1, 6, 9)) == 1);
  CHECK(of_one_thread(shapes::halved_up(1, 5, 8)) == 1);
  CHECK(together(std::vector<link>(12, convolution(16, 16)), tall) == fast::strip_run::most);
  std::vector<link> eight(fast::strip_run::most, convolution(16, 16));
  eight.push_back(halving());
  CHECK(together(eight, tall) == fast::strip_run::most + 1);
}

TEST_CASE("strips: a run of the greatest length" * doctest::skip(!simd::worthwhile)) {
  std::vector<link> links(fast::strip_run::most, convolution(16, 16));
  links.push_back(halving());
  chain<float> const k(links, {{1, 16, tall_for(2), 6}});
  cpu::context c(2);
  CHECK(fast::layers_together(k.layers(), k.xs, 2) == static_cast<int>(links.size()));
  CHECK(same_bits(k.forward(c), k.layer_by_layer(c)));
}

TEST_CASE("strips: a NaN passes through rings, ReLU and pooling, and no further than its windows' tiles" *
          doctest::skip(!simd::worthwhile)) {
  chain<float> k(runs[1].links, runs[1].x);
  int const h = k.xs[2], w = k.xs[3];
  k.x[std::size_t(100 * w + 3)] = std::numeric_limits<float>::quiet_NaN();  // first image, channel 0, row 100
  cpu::context c(2);
  auto const y = k.forward(c);
  int const rows = h / 2, columns = w / 2;
  CHECK(std::isnan(y[std::size_t(50 * columns + 1)]));
  for (int i = 0; i < rows; ++i)
    if (i < 35 || i > 65) CHECK(!std::isnan(y[std::size_t(i * columns + 1)]));
}

TEST_CASE("strips: a fraction of the memory that the maps in between would take" * doctest::skip(!simd::worthwhile)) {
  chain<float> const k({convolution(3, 64), convolution(64, 64), halving()}, {{1, 3, 2 * tall_for(2), 100}});
  std::size_t const map = std::size_t(64) * 2 * tall_for(2) * 100 * sizeof(float);
  cpu::context c(2);
  tensor<float> tx(c, k.xs, k.x), ty(c, k.ys, nans<float>(k.ys.size()));
  ops::conv_chain<cpu>::forward<float>(c, k.layers(), tx.a, ty.a);
  CHECK(c.high_water() < map / 2);
}

}  // namespace cpu_tests

#endif
