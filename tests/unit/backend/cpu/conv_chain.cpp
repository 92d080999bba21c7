#include "frcnn/backend/cpu/conv_chain.hpp"

#include "../../engines.hpp"
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

}  // namespace cpu_tests
