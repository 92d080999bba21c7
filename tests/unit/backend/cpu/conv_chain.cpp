#include "frcnn/backend/cpu/conv_chain.hpp"

#include "../../engines.hpp"
#include "../../sentence.hpp"
#include "chains.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

struct chain_case {
  std::vector<link> links;
  shape<4> x;
};
std::vector<chain_case> const cases = {
    {{layer(3, 5)}, {{2, 3, 7, 6}}},                                           // one stage
    {{halving(), layer(3, 16), halving()}, {{1, 3, 23, 18}}},                  // a pool first; a pool behind a layer that is not Winograd's
    {{layer(3, 16, 2), layer(16, 16, 2), layer(16, 32)}, {{2, 3, 30, 41}}},    // strides
    {{layer(16, 32), halving(), layer(32, 16, 1, false)}, {{2, 16, 13, 10}}},  // not tall
    {{layer(16, 16), halving()}, {{1, 16, 1, 9}}},                             // a pool of one row
    {{layer(3, 16), layer(16, 16), halving(), layer(16, 32), layer(32, 16), halving()}, {{1, 3, 250, 9}}},  // tall, then not
};

}  // namespace

TEST_CASE("conv_chain: on every engine what its stages give, bit for bit, and to rounding what they give in double") {
  for (auto const& k : cases) {
    CAPTURE(to_string(k.x));
    chain<double> const wide(k.links, k.x);
    cpu::context plain({.threads = 2, .engine = cpu_engine::portable});
    auto const expected = wide.stage_by_stage(plain);
    for (int threads : {1, 2, 3})
      for (auto const& options : tests::engines(threads)) {
        CAPTURE(tests::name(options));
        cpu::context c(options);
        CHECK(same_bits(wide.forward(c), expected));
        chain<float> const narrow(k.links, k.x);
        auto const y = narrow.forward(c);
        CHECK(relative_l2(y, expected) <= 1e-5);
        CHECK(same_bits(y, narrow.stage_by_stage(c)));
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
  chain<float> k({layer(16, 16), layer(16, 16, 1, false), layer(16, 16), layer(16, 16, 1, false)}, {{2, 16, 250, 9}});
  auto const plain = k.stages();
  using stage = chain_stage<float, cpu>;
  std::vector<stage> const stages{plain[0],
                                  plain[1],
                                  stage::of_add(-1, true),
                                  plain[2],
                                  plain[3],
                                  stage::of_add(2, true),
                                  stage::of_lrn({3, .5, .75, 1}),
                                  stage::of_pool({3, 2, 0, true}),
                                  stage::of_add(7, false)};  // itself, twice
  shape<4> const out{{2, 16, 125, 4}};
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    tensor<float> x(c, k.xs, k.x), a(c, k.xs, nans<float>(k.xs.size())), b = tensor<float>(c, k.xs, nans<float>(k.xs.size())),
                                                                         first(c, k.xs, nans<float>(k.xs.size())),
                                                                         pooled(c, out, nans<float>(out.size()));
    auto const convolve = [&](stage const& s, cpu_activation<float> from, cpu_activation<float> to) {
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
      if (way == 0) ops::conv_chain<cpu>::forward<float>(c, stages, x.a, y.a);
      else ops::stage_by_stage<cpu>::forward<float>(c, std::span<stage const>(stages), x.a, y.a);
      CHECK(same_bits(y.plain(), expected));
    }
  }
}

TEST_CASE("conv_chain: a stage adds what comes before it and has its shape") {
  cpu::context c(1);
  using stage = chain_stage<float, cpu>;
  shape<4> const s{{1, 2, 4, 4}};
  tensor<float> x(c, s, normals<float>(s.size(), 1)), y(c, s, nans<float>(s.size()));
  auto const said = [&](std::vector<stage> const& stages) {
    return sentence([&] { ops::conv_chain<cpu>::forward<float>(c, stages, x.a, y.a); });
  };
  CHECK(said({stage::of_add(-1, false)}) == "nothing");
  CHECK(said({stage::of_lrn({}), stage::of_add(1, false)}) ==
        "chain of stages: expected stage 1 to add the chain's input (-1) or an earlier stage, found 1");
  CHECK(said({stage::of_pool({2, 2, 0, false}), stage::of_add(-1, false)})
            .starts_with("chain of stages: expected stage 1 to add a map of shape"));
}

}  // namespace cpu_tests
