// What tests/ops/conv2d.hpp does not drive: numbers from PyTorch, NaN, outputs that are not wanted, memory.
#include "frcnn/backend/cpu/conv2d.hpp"

#include "../../engines.hpp"
#include "convolutions.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

template <class T>
struct layer {
  conv2d_spec spec;
  shape<4> xs, ys;
  int cells;
  std::vector<T> x, w, b, g;
  explicit layer(layer_case const& lc)
      : spec(lc.spec),
        xs(lc.x),
        ys(spec.out_shape(xs)),
        cells(spec.kernel * spec.kernel),
        x(normals<T>(xs.size(), 1)),
        w(normals<T>(std::size_t(spec.out_channels) * spec.in_channels * cells, 2, 0.3)),
        b(normals<T>(spec.out_channels, 3, 0.2)),
        g(normals<T>(ys.size(), 4)) {}

  std::vector<T> forward(cpu::context& c) {
    poison(c);
    tensor<T> tx(c, xs, x), ty(c, ys, nans<T>(ys.size()));
    auto stored = channels_last(w, spec.out_channels, spec.in_channels, cells);
    ops::conv2d<cpu>::forward<T>(c, spec, tx.a, over(stored), over(b), ty.a);
    return ty.plain();
  }
  struct gradients {
    std::vector<T> dx, dw, db;
  };
  // `before`: what the gradients hold.
  gradients backward(cpu::context& c, gradients before, writing how) {
    tensor<T> tx(c, xs, x), ty(c, ys, forward(c)), tdy(c, ys, g), tdx(c, xs, before.dx);
    poison(c);
    auto stored = channels_last(w, spec.out_channels, spec.in_channels, cells),
         dw = channels_last(before.dw, spec.out_channels, spec.in_channels, cells);
    ops::conv2d<cpu>::backward<T>(c, spec, tx.a, ty.a, tdy.a, over(stored), over(dw), over(before.db), how, tdx.a, how);
    return {tdx.plain(), channels_last(dw, spec.out_channels, spec.in_channels, cells, true), before.db};
  }
};

}  // namespace

TEST_CASE("conv2d: what is not wanted is not computed, and dy is masked in place") {
  for (auto const& options : tests::engines(2)) {
    cpu::context c(options);
    layer<float> l(cases[0]);
    tensor<float> x(c, l.xs, l.x), y(c, l.ys, l.forward(c)), dy(c, l.ys, l.g);
    auto stored = channels_last(l.w, l.spec.out_channels, l.spec.in_channels, l.cells);
    ops::conv2d<cpu>::backward<float>(c, l.spec, x.a, y.a, dy.a, over(stored), {}, {}, writing::set, {}, writing::set);
    auto const forward = y.plain(), masked = dy.plain();
    for (std::size_t i = 0; i < masked.size(); ++i) CHECK(masked[i] == (forward[i] > 0 ? l.g[i] : 0));
  }
}

TEST_CASE("conv2d: NaN in, NaN out, ReLU or not") {
  for (auto const& options : tests::engines(1))
    for (auto lc : {cases[0], ops_described::conv2d::tiled()})
      for (bool relu : {false, true}) {
        cpu::context c(options);
        lc.spec.relu = relu;
        layer<float> l(lc);
        l.x[0] = std::numeric_limits<float>::quiet_NaN();
        auto const y = l.forward(c);
        CHECK(std::isnan(y[0]));
        CHECK(!std::isnan(y.back()));
      }
}

TEST_CASE_TEMPLATE("conv2d: PyTorch's numbers", T, float, double) {
  auto const file = golden();
  for (auto const& [name, spec, xs] : ops_described::conv2d::golden()) {
    std::string const title = name;
    CAPTURE(title);
    auto read = [&, n = std::string(name)](char const* what) {
      auto const v = file.read<double>(n + what);
      return std::vector<T>(v.begin(), v.end());
    };
    layer<T> l({spec, xs});
    l.x = read(".x"), l.w = read(".weight"), l.b = read(".bias"), l.g = read(".dy");
    for (auto const& options : tests::engines(2)) {
      CAPTURE(tests::name(options));
      cpu::context c(options);
      CHECK(near(l.forward(c), read(".y"), tolerance<T>));
      auto const d = l.backward(c, {nans<T>(l.x.size()), nans<T>(l.w.size()), nans<T>(l.b.size())}, writing::set);
      CHECK(near(d.dx, read(".dx"), tolerance<T>));
      CHECK(near(d.dw, read(".dweight"), tolerance<T>));
      CHECK(near(d.db, read(".dbias"), tolerance<T>));
    }
  }
}

TEST_CASE("conv2d: after the first run no more arena") {
  for (auto const& options : tests::engines(2))
    for (auto const& lc : {ops_described::conv2d::several_strips(), ops_described::conv2d::tiled()}) {
      cpu::context c(options);
      layer<float> l(lc);
      typename layer<float>::gradients const before{nans<float>(l.x.size()), nans<float>(l.w.size()), nans<float>(l.b.size())};
      l.backward(c, before, writing::set);
      auto const water = c.high_water();
      l.backward(c, before, writing::set);
      CHECK(c.high_water() == water);
    }
}

TEST_CASE_TEMPLATE("conv2d: an empty bias is one of zeros, whichever kernel runs", T, float, double) {
  for (auto const& lc : cases) {
    layer<T> l(lc);
    std::fill(l.b.begin(), l.b.end(), T(0));
    for (auto const& options : tests::engines(2)) {
      CAPTURE(tests::name(options));
      CAPTURE(lc.spec.kernel);
      cpu::context c(options);
      auto const with_zeros = l.forward(c);
      tensor<T> tx(c, l.xs, l.x), ty(c, l.ys, nans<T>(l.ys.size()));
      auto stored = channels_last(l.w, l.spec.out_channels, l.spec.in_channels, l.cells);
      ops::conv2d<cpu>::forward<T>(c, l.spec, tx.a, over(stored), view<T const, 1, cpu>{}, ty.a);
      CHECK(same_bits(ty.plain(), with_zeros));
    }
  }
}

}  // namespace cpu_tests
