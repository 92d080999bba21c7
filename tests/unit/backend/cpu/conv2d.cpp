#include "frcnn/backend/cpu/conv2d.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

struct layer_case {
  conv2d_spec spec;
  shape<4> x;
};
std::vector<layer_case> const cases = {
    {{3, 5, 3, 1, 1, true}, {{2, 3, 6, 7}}},     {{4, 6, 3, 2, 1, true}, {{2, 4, 7, 6}}},   {{4, 6, 3, 2, 1, false}, {{1, 4, 9, 9}}},
    {{5, 4, 1, 1, 0, true}, {{2, 5, 4, 5}}},     {{5, 4, 1, 2, 0, false}, {{1, 5, 5, 4}}},  {{2, 3, 5, 2, 2, true}, {{2, 2, 9, 8}}},
    {{3, 2, 7, 2, 3, true}, {{1, 3, 11, 13}}},   {{2, 3, 7, 3, 3, false}, {{1, 2, 10, 8}}}, {{2, 2, 3, 1, 0, true}, {{1, 2, 3, 5}}},
    {{2, 2, 1, 1, 1, false}, {{1, 2, 2, 3}}},    {{1, 1, 3, 4, 0, false}, {{1, 1, 11, 9}}}, {{2, 3, 5, 1, 2, true}, {{1, 2, 1, 2}}},
    {{3, 8, 3, 1, 1, true}, {{2, 3, 40, 50}}},  // several strips
    {{40, 8, 3, 2, 1, true}, {{2, 40, 61, 47}}}, {{3, 4, 3, 1, 1, true}, {{0, 3, 5, 5}}},
};

// The definition, in double and logical order: y, and the gradients of sum(y * g).
struct reference {
  std::vector<double> y, dx, dw, db;
};
template <class T>
reference naive(conv2d_spec s, shape<4> xs, std::vector<T> const& x, std::vector<T> const& w, std::vector<T> const& b,
                std::vector<T> const& g) {
  shape<4> const ys = s.out_shape(xs);
  reference r{std::vector<double>(ys.size()), std::vector<double>(xs.size()), std::vector<double>(w.size()), std::vector<double>(b.size())};
  std::size_t at = 0;
  for (int n = 0; n < ys[0]; ++n)
    for (int o = 0; o < ys[1]; ++o)
      for (int i = 0; i < ys[2]; ++i)
        for (int j = 0; j < ys[3]; ++j, ++at)
          for (bool back : {false, true}) {
            double const d = !back ? 0 : s.relu && r.y[at] <= 0 ? 0 : double(g[at]);
            if (!back)
              r.y[at] = double(b[o]);
            else
              r.db[o] += d;
            for (int c = 0; c < xs[1]; ++c)
              for (int ky = 0; ky < s.kernel; ++ky)
                for (int kx = 0; kx < s.kernel; ++kx) {
                  int const yy = i * s.stride + ky - s.pad, xx = j * s.stride + kx - s.pad;
                  if (yy < 0 || xx < 0 || yy >= xs[2] || xx >= xs[3]) continue;
                  std::size_t const xi = ((std::size_t(n) * xs[1] + c) * xs[2] + yy) * xs[3] + xx;
                  std::size_t const wi = ((std::size_t(o) * xs[1] + c) * s.kernel + ky) * s.kernel + kx;
                  if (!back) {
                    r.y[at] += double(x[xi]) * double(w[wi]);
                  } else {
                    r.dx[xi] += d * double(w[wi]);
                    r.dw[wi] += d * double(x[xi]);
                  }
                }
            if (!back && s.relu && r.y[at] < 0) r.y[at] = 0;
          }
  return r;
}

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
  gradients backward(cpu::context& c, gradients before, write how) {
    tensor<T> tx(c, xs, x), ty(c, ys, forward(c)), tdy(c, ys, g), tdx(c, xs, before.dx);
    poison(c);
    auto stored = channels_last(w, spec.out_channels, spec.in_channels, cells),
         dw = channels_last(before.dw, spec.out_channels, spec.in_channels, cells);
    ops::conv2d<cpu>::backward<T>(c, spec, tx.a, ty.a, tdy.a, over(stored), over(dw), over(before.db), how, tdx.a, how);
    return {tdx.plain(), channels_last(dw, spec.out_channels, spec.in_channels, cells, true), before.db};
  }
};

}  // namespace

TEST_CASE_TEMPLATE("conv2d: forward and gradients against the definition; set reads nothing, add adds", T, float, double) {
  for (auto const& lc : cases) {
    CAPTURE(to_string(lc.x));
    CAPTURE(lc.spec.kernel);
    CAPTURE(lc.spec.stride);
    cpu::context c(2);
    layer<T> l(lc);
    auto const expected = naive(l.spec, l.xs, l.x, l.w, l.b, l.g);
    CHECK(near(l.forward(c), expected.y, tolerance<T>));
    auto const set = l.backward(c, {nans<T>(l.x.size()), nans<T>(l.w.size()), nans<T>(l.b.size())}, write::set);
    CHECK(near(set.dx, expected.dx, tolerance<T>));
    CHECK(near(set.dw, expected.dw, tolerance<T>));
    CHECK(near(set.db, expected.db, tolerance<T>));
    typename layer<T>::gradients const before{normals<T>(l.x.size(), 5), normals<T>(l.w.size(), 6), normals<T>(l.b.size(), 7)};
    auto const added = l.backward(c, before, write::add);
    CHECK(near(added.dx, plus(before.dx, set.dx), tolerance<T>));
    CHECK(near(added.dw, plus(before.dw, set.dw), tolerance<T>));
    CHECK(near(added.db, plus(before.db, set.db), tolerance<T>));
  }
}

TEST_CASE("conv2d: central differences in double") {
  for (auto const& lc : cases) {
    if (lc.x.size() > 1000) continue;
    CAPTURE(to_string(lc.x));
    cpu::context c(2);
    layer<double> l(lc);
    l.spec.relu = false;  // linear in each argument: no kinks
    auto const set = l.backward(c, {nans<double>(l.x.size()), nans<double>(l.w.size()), nans<double>(l.b.size())}, write::set);
    auto loss = [&] { return dot(l.forward(c), l.g); };
    CHECK(near(set.dx, numeric_gradient(l.x, loss), 1e-6));
    CHECK(near(set.dw, numeric_gradient(l.w, loss), 1e-6));
    CHECK(near(set.db, numeric_gradient(l.b, loss), 1e-6));
  }
}

TEST_CASE("conv2d: the number of threads changes no bit of forward and dx, and equal runs give equal bits") {
  for (auto const& lc : cases) {
    layer<float> l(lc);
    cpu::context one(1), two(2), three(3);
    auto const y = l.forward(one);
    CHECK(same_bits(y, l.forward(two)));
    CHECK(same_bits(y, l.forward(three)));
    layer<float>::gradients const before{nans<float>(l.x.size()), nans<float>(l.w.size()), nans<float>(l.b.size())};
    auto const first = l.backward(one, before, write::set), second = l.backward(two, before, write::set),
               again = l.backward(two, before, write::set);
    CHECK(same_bits(first.dx, second.dx));
    CHECK(same_bits(first.db, second.db));
    CHECK(same_bits(again.dw, second.dw));
  }
}

TEST_CASE("conv2d: what is not wanted is not computed, and dy is masked in place") {
  cpu::context c(2);
  layer<float> l(cases[0]);
  tensor<float> x(c, l.xs, l.x), y(c, l.ys, l.forward(c)), dy(c, l.ys, l.g);
  auto stored = channels_last(l.w, l.spec.out_channels, l.spec.in_channels, l.cells);
  ops::conv2d<cpu>::backward<float>(c, l.spec, x.a, y.a, dy.a, over(stored), {}, {}, write::set, {}, write::set);
  auto const forward = y.plain(), masked = dy.plain();
  for (std::size_t i = 0; i < masked.size(); ++i) CHECK(masked[i] == (forward[i] > 0 ? l.g[i] : 0));
}

TEST_CASE("conv2d: NaN in, NaN out, ReLU or not") {
  cpu::context c(1);
  layer<float> l(cases[0]);
  l.x[0] = std::numeric_limits<float>::quiet_NaN();
  auto const y = l.forward(c);
  CHECK(std::isnan(y[0]));
}

TEST_CASE_TEMPLATE("conv2d: PyTorch's numbers", T, float, double) {
  auto const file = golden();
  for (auto [name, spec, xs] : {std::tuple{"conv.s1", conv2d_spec{3, 5, 3, 1, 1, true}, shape<4>{{2, 3, 6, 7}}},
                                std::tuple{"conv.s2", conv2d_spec{4, 6, 3, 2, 1, false}, shape<4>{{2, 4, 7, 6}}},
                                std::tuple{"conv.k5", conv2d_spec{2, 3, 5, 2, 2, true}, shape<4>{{2, 2, 9, 8}}},
                                std::tuple{"conv.k1", conv2d_spec{5, 4, 1, 1, 0, false}, shape<4>{{2, 5, 4, 5}}}}) {
    std::string const title = name;
    CAPTURE(title);
    auto read = [&, n = std::string(name)](char const* what) {
      auto const v = file.read<double>(n + what);
      return std::vector<T>(v.begin(), v.end());
    };
    layer<T> l({spec, xs});
    l.x = read(".x"), l.w = read(".weight"), l.b = read(".bias"), l.g = read(".dy");
    cpu::context c(2);
    CHECK(near(l.forward(c), read(".y"), tolerance<T>));
    auto const d = l.backward(c, {nans<T>(l.x.size()), nans<T>(l.w.size()), nans<T>(l.b.size())}, write::set);
    CHECK(near(d.dx, read(".dx"), tolerance<T>));
    CHECK(near(d.dw, read(".dweight"), tolerance<T>));
    CHECK(near(d.db, read(".dbias"), tolerance<T>));
  }
}

TEST_CASE("conv2d: after the first run no more arena") {
  cpu::context c(2);
  layer<float> l(cases[12]);
  typename layer<float>::gradients const before{nans<float>(l.x.size()), nans<float>(l.w.size()), nans<float>(l.b.size())};
  l.backward(c, before, write::set);
  auto const water = c.high_water();
  l.backward(c, before, write::set);
  CHECK(c.high_water() == water);
}

}  // namespace cpu_tests
