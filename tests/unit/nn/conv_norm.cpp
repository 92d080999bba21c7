#include "frcnn/nn/conv_norm.hpp"

#include "../engines.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/testing/gradcheck.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

using layer = nn::conv_norm<double, cpu>;

// One layer as a model.
struct one_layer {
  layer conv;
  template <class V>
  void for_each_param(V&& visit) {
    conv.for_each_param(visit, "conv1", "bn1");
  }
};

std::vector<double> draws_of(std::size_t n, std::uint64_t stream) {
  host_rng draws(1, draw::test, stream);
  std::vector<double> v(n);
  for (auto& x : v) x = draws.normal();
  return v;
}

}  // namespace

TEST_CASE("conv_norm: a convolution, then FrozenBatchNorm2d, then the residual and ReLU; the weight's and the maps' gradients") {
  for (double const epsilon : {0., 1e-5, .25}) {
    CAPTURE(epsilon);
    cpu::context c(tests::engines(2).front());
    conv2d_spec const spec{3, 4, 3, 2, 1, true};
    one_layer m{layer(spec, initializer::normal(.3), epsilon)};
    parameter_store<double, cpu> store;
    store.bind(m);
    store.enable_gradients();
    store.initialise(3);
    std::vector<double> const weight{.5, -2, 1, 3}, bias{.1, .2, -.3, 0}, mean{1, -1, .5, 0}, variance{.01, 1, 4, 2};
    store.set(store.at("bn1.weight"), weight);
    store.set(store.at("bn1.bias"), bias);
    store.set(store.at("bn1.running_mean"), mean);
    store.set(store.at("bn1.running_var"), variance);
    for (auto const& e : store.entries()) CHECK((e.p->kind == param_kind::buffer) == e.name.starts_with("bn1."));

    shape<4> const in{{2, 3, 5, 6}}, out = m.conv.out_shape(in);
    auto x = draws_of(in.size(), 1), added = draws_of(out.size(), 2), g = draws_of(out.size(), 3);
    std::vector<double> plain(out.size()), y(out.size());
    auto const map = [](std::vector<double>& v, shape<4> s) { return cpu::context::make_at<double>(v.data(), s); };
    auto no_relu = spec;
    no_relu.relu = false;
    ops::conv2d<cpu>::forward<double>(c, no_relu, map(x, in), m.conv.weight.value, view<double const, 1, cpu>{}, map(plain, out));
    m.conv.forward(c, map(x, in), map(y, out), map(added, out));
    for (std::size_t i = 0; i < y.size(); ++i) {
      std::size_t const o = i % 4;
      double const normal = (plain[i] - mean[o]) / std::sqrt(variance[o] + epsilon) * weight[o] + bias[o];
      CHECK(y[i] == doctest::Approx(std::max(0., normal + added[i])).epsilon(1e-12));
    }
    std::vector<double> in_place = added;  // the residual's memory may be the output's
    m.conv.forward(c, map(x, in), map(in_place, out), map(in_place, out));
    CHECK(in_place == y);

    auto const loss = [&] {
      m.conv.forward(c, map(x, in), map(y, out), map(added, out));
      double sum = 0;
      for (std::size_t i = 0; i < g.size(); ++i) sum += g[i] * y[i];
      return sum;
    };
    loss();
    std::vector<double> dy = g, dx(in.size());
    m.conv.backward(c, map(x, in), map(y, out), map(dy, out), map(dx, in), writing::set, writing::set);
    auto const& w = m.conv.weight;
    std::vector<double> const dweight(w.grad.data, w.grad.data + w.grad.size());
    auto const by_weight = testing::gradcheck(loss, std::span(w.value.data, w.size()), dweight);
    CHECK_MESSAGE(by_weight.ok, by_weight.describe());
    auto const by_x = testing::gradcheck(loss, std::span(x), dx);
    CHECK_MESSAGE(by_x.ok, by_x.describe());
    auto const by_residual = testing::gradcheck(loss, std::span(added), dy);  // masked in place
    CHECK_MESSAGE(by_residual.ok, by_residual.describe());
  }
}

TEST_CASE("conv_norm without normalisation has a bias that learns; epsilons that are none are refused") {
  one_layer m{layer({3, 4, 1}, initializer::normal(1), {})};
  parameter_store<double, cpu> store;
  store.bind(m);
  CHECK(store.entries().size() == 2);
  CHECK(store.at("conv1.bias").p->kind == param_kind::trained);
  for (double const wrong : {-1e-9, 2., std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(layer({3, 4, 1}, initializer::normal(1), wrong), error);
}
