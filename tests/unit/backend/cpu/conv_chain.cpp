#include "frcnn/backend/cpu/conv_chain.hpp"

#include "../../engines.hpp"
#include "../../sentence.hpp"
#include "chains.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

using ops_described::conv_chain;
// Those of convolutions and pools.
std::vector<conv_chain::problem> const cases = [] {
  auto all = conv_chain::problems();
  std::erase_if(all, [](auto const& p) {
    return std::any_of(p.links.begin(), p.links.end(),
                       [](link const& l) { return l.kind == layer_kind::add || l.kind == layer_kind::lrn; });
  });
  return all;
}();

}  // namespace

TEST_CASE("conv_chain: on every engine what its layers give, bit for bit, and to rounding what they give in double") {
  for (auto const& k : cases) {
    CAPTURE(to_string(k.x));
    chain<double> const wide(k.links, k.x);
    cpu::context plain({.threads = 2, .engine = cpu_engine::portable});
    auto const expected = wide.layer_by_layer(plain);
    for (int threads : {1, 2, 3})
      for (auto const& options : tests::engines(threads)) {
        CAPTURE(tests::name(options));
        cpu::context c(options);
        CHECK(same_bits(wide.forward(c), expected));
        chain<float> const narrow(k.links, k.x);
        auto const y = narrow.forward(c);
        CHECK(relative_l2(y, expected) <= 1e-5);
        CHECK(same_bits(y, narrow.layer_by_layer(c)));
        CHECK(same_bits(narrow.forward(c, true), y));
        CHECK(same_bits(narrow.forward(c, true), y));
      }
  }
}

TEST_CASE("conv_chain: a NaN passes, and maps in between are given back") {
  for (auto const& options : tests::engines(2)) {
    cpu::context c(options);
    chain<float> k(cases[3].links, cases[3].x);
    k.forward(c);
    auto const water = c.high_water();
    k.x[0] = std::numeric_limits<float>::quiet_NaN();
    auto const y = k.forward(c);
    CHECK(std::isnan(y[0]));
    CHECK(!std::isnan(y.back()));
    CHECK(c.high_water() == water);
  }
}

TEST_CASE("conv_chain: residual blocks, Caffe's pools and normalisations, in both ways to run a chain") {
  // A block of two convolutions beside its input, twice; the first adds the chain's input, the second what the first block gave.
  auto blocks = conv_chain::residual_blocks();
  std::erase_if(blocks.links, [](link const& l) { return l.kind != layer_kind::conv; });
  chain<float> k(blocks.links, blocks.x);
  auto const plain = k.layers();
  using layer = chain_layer<float, cpu>;
  std::vector<layer> const layers{plain[0],
                                  plain[1],
                                  layer::of_add(-1, true),
                                  plain[2],
                                  plain[3],
                                  layer::of_add(2, true),
                                  layer::of_lrn({3, .5, .75, 1}),
                                  layer::of_pool({3, 2, 0, true}),
                                  layer::of_add(7, false)};  // itself, twice
  shape<4> const out{{2, 16, 125, 4}};
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    tensor<float> x(c, k.xs, k.x), a(c, k.xs, nans<float>(k.xs.size())), b = tensor<float>(c, k.xs, nans<float>(k.xs.size())),
                                                                         first(c, k.xs, nans<float>(k.xs.size())),
                                                                         pooled(c, out, nans<float>(out.size()));
    auto const convolve = [&](layer const& s, cpu_activation<float> from, cpu_activation<float> to) {
      ops::conv2d<cpu>::forward<float>(c, s.conv, from, s.weight, s.bias, to);
    };
    convolve(plain[0], x.a, a.a);
    convolve(plain[1], a.a, b.a);
    ops::add_maps<cpu>::forward<float>(c, true, b.a, x.a, first.a);
    convolve(plain[2], first.a, a.a);
    convolve(plain[3], a.a, b.a);
    ops::add_maps<cpu>::forward<float>(c, true, b.a, first.a, a.a);
    ops::lrn<cpu>::forward<float>(c, {3, .5, .75, 1}, a.a, b.a);
    ops::max_pool<cpu>::forward<float>(c, {3, 2, 0, true}, b.a, pooled.a, view<std::int32_t, 1, cpu>{});
    auto expected = pooled.plain();
    for (float& v : expected) v += v;

    for (int way = 0; way < 2; ++way) {
      poison(c, std::size_t{16} << 20);
      tensor<float> y(c, out, nans<float>(out.size()));
      if (way == 0) ops::conv_chain<cpu>::forward<float>(c, layers, x.a, y.a);
      else ops::layer_by_layer<cpu>::forward<float>(c, std::span<layer const>(layers), x.a, y.a);
      CHECK(same_bits(y.plain(), expected));
    }
  }
}

TEST_CASE("conv_chain: a layer adds what comes before it and has its shape") {
  cpu::context c(1);
  using layer = chain_layer<float, cpu>;
  shape<4> const s{{1, 2, 4, 4}};
  tensor<float> x(c, s, normals<float>(s.size(), 1)), y(c, s, nans<float>(s.size()));
  auto const said = [&](std::vector<layer> const& layers) {
    return sentence([&] { ops::conv_chain<cpu>::forward<float>(c, layers, x.a, y.a); });
  };
  CHECK(said({layer::of_add(-1, false)}) == "nothing");
  CHECK(said({layer::of_lrn({}), layer::of_add(1, false)}) ==
        "chain of layers: expected layer 1 to add the chain's input (-1) or an earlier layer, found 1");
  CHECK(said({layer::of_pool({2, 2, 0, false}), layer::of_add(-1, false)})
            .starts_with("chain of layers: expected layer 1 to add a map of shape"));
}

}  // namespace cpu_tests
