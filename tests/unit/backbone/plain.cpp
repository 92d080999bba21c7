#include "frcnn/backbone/plain.hpp"

#include "../engines.hpp"
#include "../sentence.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/testing/gradcheck.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

// Every kind of layer that plain has: ZF's normalisation, both roundings of a pool.
backbone::chain mixed() {
  using namespace backbone;
  return {{conv(4, 3, 2), lrn({3, .5, .75, 1}), pool(3, 2, 1, true), conv(5), pool(), conv(3)}};
}
using network = backbone::plain<3, double, cpu>;

std::string refusal(backbone::chain const& c) {
  try {
    network const b(c);
  } catch (error const& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("plain: every kind of layer, with a tape and without, and its gradients") {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    network b(mixed());
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
          "conv 4 3x3/2 pad 1, lrn 3 alpha 0.5 beta 0.75 k 1, pool 3x3/2 pad 1 ceil, conv 5 3x3/1 pad 1, pool 2x2/2 pad 0 floor, conv 3 "
          "3x3/1 "
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
    CHECK(names == std::vector<std::string>{"backbone.0.bias", "backbone.0.weight", "backbone.4.bias", "backbone.4.weight",
                                            "backbone.7.bias", "backbone.7.weight"});
  }
}

TEST_CASE("plain: one type for every chain whose map has these channels, and one tape for chains of several lengths") {
  cpu::context c(1);
  network::tape t;
  batch<double, cpu> im;
  std::vector<double> x(3 * 8 * 8, .5);
  im.pixels = {x.data(), {{1, 3, 8, 8}}};
  for (auto const& chain : {backbone::chain{{backbone::conv(3)}}, mixed(), backbone::chain{{backbone::pool(), backbone::conv(3)}}}) {
    network b(chain);
    CHECK(b.stride(0) == chain.stride());
    parameter_store<double, cpu> store;
    store.bind(b);
    store.enable_gradients();
    store.initialise(3);
    auto const out = b.map_shape(0, im.pixels.dims);
    buffer<double, cpu> map(c, out.size());
    maps<double, 1, cpu> m;
    m.level[0] = cpu::context::make_at<double>(map.data(), out);
    b.forward(c, im, m, t);
    b.backward(c, t, m);
    CHECK(t.at.size() == chain.layers.size() + 1);
  }
}

TEST_CASE("plain: maps are of the same size whatever the deviation of the pixels that a chain is made for") {
  cpu::context c(1);
  std::vector<double> maps_of[2];
  for (double const deviation : {1., 57.6}) {
    auto chain = mixed();
    chain.input_deviation = deviation;
    network b(chain);
    parameter_store<double, cpu> store;
    store.bind(b);
    store.initialise(3);
    shape<4> const in{{1, 3, 22, 18}}, out = b.map_shape(0, in);
    host_rng draws(1, draw::test, 1);
    std::vector<double> x(in.size());
    for (auto& v : x) v = deviation * draws.normal();
    batch<double, cpu> im;
    im.pixels = {x.data(), in};
    buffer<double, cpu> map(c, out.size());
    maps<double, 1, cpu> m;
    m.level[0] = cpu::context::make_at<double>(map.data(), out);
    b.infer(c, im, m);
    maps_of[deviation > 1].assign(map.data(), map.data() + out.size());
  }
  double largest = 0;
  for (std::size_t i = 0; i < maps_of[0].size(); ++i) {
    CHECK(maps_of[1][i] == doctest::Approx(maps_of[0][i]).epsilon(1e-9));
    largest = std::max(largest, maps_of[0][i]);
  }
  CHECK(largest > 0.1);
}

TEST_CASE("plain refuses chains that are none, and says what is wrong") {
  using namespace backbone;
  CHECK(refusal({{conv(4), conv(3)}}) == "accepted");
  CHECK(refusal({{conv(3), conv(4)}}) == "backbone: expected a chain whose map has 3 channels, found 4");
  CHECK(refusal({}) == "backbone: expected 1 to 64 layers, found 0");
  CHECK(refusal({std::vector<layer>(65, conv(3))}) == "backbone: expected 1 to 64 layers, found 65");
  CHECK(refusal({{conv(3), {layer_kind::add}}}) ==
        "backbone: expected a chain of convolutions, pools and lrn (ops::conv_chain runs residual blocks), found a layer add");
  CHECK(refusal({{conv(3), pool(2, 0)}}) ==
        "backbone: expected pools with a kernel and a stride of 1 or more, and a pad from 0 that is smaller than the kernel, found pool "
        "2x2/0 "
        "pad 0 floor");
  CHECK(refusal({{conv(3)}, 2}) == "backbone: expected 0 to 1 frozen convolutions, found 2");
  CHECK(refusal({{conv(3), lrn({2})}}).starts_with("local response normalisation: expected an odd size"));
  CHECK(refusal({{conv(3, 3, 0)}}).starts_with("convolution: expected channels, a kernel and a stride of 1 or more"));

  // A map that a pool leaves nothing of.
  network const pooled({{conv(3), pool(3, 2)}});
  CHECK(pooled.map_shape(0, {{1, 3, 4, 3}})[3] == 1);
  CHECK(sentence([&] {
          pooled.map_shape(0, {{1, 3, 8, 1}});
        }) == "backbone: expected images whose maps are large enough for pool 3x3/2 pad 0 floor, found a map of 8 x 1");
}
