#include "frcnn/backbone/plain.hpp"

#include "../engines.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/testing/gradcheck.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

// Every kind of stage that plain has: ZF's normalisation, both roundings of a pool.
struct mixed_spec {
  static constexpr char const* name = "mixed";
  static constexpr backbone::stage stages[] = {backbone::conv(4, 3, 2), backbone::lrn({3, .5, .75, 1}), backbone::pool(3, 2, 1, true),
                                               backbone::conv(5),       backbone::pool(),               backbone::conv(3)};
  static constexpr int frozen = 0;
};

}  // namespace

TEST_CASE("plain: every kind of stage, with a tape and without, and its gradients") {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    backbone::plain<mixed_spec, double, cpu> b;
    parameter_store<double, cpu> store;
    store.bind(b);
    store.enable_gradients();
    store.initialise(3);
    shape<4> const in{{1, 3, 22, 18}}, out = b.map_shape(0, in);
    CHECK(out == shape<4>{{1, 3, 3, 2}});  // 11 x 9, ceil 6 x 5, floor 3 x 2
    host_rng draws(1, draw::test, 1);
    std::vector<double> x(in.size()), g(out.size());
    for (auto& v : x) v = draws.normal();
    for (auto& v : g) v = draws.normal();
    batch<double, cpu> im;
    im.pixels = {x.data(), in};
    buffer<double, cpu> map(c, out.size()), second(c, out.size());
    maps<double, 1, cpu> m, inferred;
    m.level[0] = cpu::context::make_at<double>(map.data(), out);
    inferred.level[0] = cpu::context::make_at<double>(second.data(), out);
    decltype(b)::tape t;
    auto const loss = [&] {
      b.forward(c, im, m, t);
      double sum = 0;
      for (std::size_t i = 0; i < g.size(); ++i) sum += g[i] * map.data()[i];
      return sum;
    };
    loss();
    b.infer(c, im, inferred);
    CHECK(std::equal(map.data(), map.data() + out.size(), second.data()));
    std::vector<double> dmap = g;
    maps<double, 1, cpu> d;
    d.level[0] = cpu::context::make_at<double>(dmap.data(), out);
    b.backward(c, t, d);
    CHECK(b.description() ==
          "conv 4 3x3/2 pad 1, lrn 3 alpha 0.5 beta 0.75 k 1, pool 3x3/2 pad 1 ceil, conv 5 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 3 3x3/1 "
          "pad 1");
    std::vector<std::string> names;
    for (auto const& e : store.entries()) {
      CAPTURE(e.name);
      names.push_back(e.name);
      std::span<double> const values(e.p->value.data, e.p->value.size());
      std::vector<double> const gradient(e.p->grad.data, e.p->grad.data + e.p->grad.size());
      auto const report = testing::gradcheck(loss, values, gradient);
      CHECK_MESSAGE(report.ok, report.describe());
    }
    std::sort(names.begin(), names.end());  // positions of convolution, ReLU, normalisation, pool
    CHECK(names == std::vector<std::string>{"backbone.0.bias", "backbone.0.weight", "backbone.4.bias", "backbone.4.weight", "backbone.7.bias",
                                            "backbone.7.weight"});
  }
}
