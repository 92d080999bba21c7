// What tests/ops/linear.hpp does not drive: numbers from PyTorch, NaN, bf16, outputs that are not wanted.
#include "frcnn/backend/cpu/linear.hpp"

#include "../../engines.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

template <class T>
struct layer {
  int m, k, n;
  bool relu;
  std::vector<T> x, w, b, g;
  layer(int m, int k, int n, bool relu)
      : m(m), k(k), n(n), relu(relu), x(normals<T>(m * k, 1)), w(normals<T>(n * k, 2, 0.3)), b(normals<T>(n, 3)), g(normals<T>(m * n, 4)) {}

  std::vector<T> forward(cpu::context& c) {
    poison(c);
    auto y = nans<T>(m * n);
    ops::linear<cpu>::forward<T>(c, relu, over(x, shape<2>{{m, k}}), over(w), over(b), over(y, shape<2>{{m, n}}));
    return y;
  }
  struct gradients {
    std::vector<T> dx, dw, db;
  };
  gradients backward(cpu::context& c, gradients d, writing how) {
    auto y = forward(c), dy = g;
    poison(c);
    ops::linear<cpu>::backward<T>(c, relu, over(x, shape<2>{{m, k}}), over(y, shape<2>{{m, n}}), over(dy, shape<2>{{m, n}}), over(w),
                                  over(d.dw), over(d.db), how, over(d.dx, shape<2>{{m, k}}), how);
    return d;
  }
  gradients blank() const { return {nans<T>(x.size()), nans<T>(w.size()), nans<T>(b.size())}; }
};

}  // namespace

TEST_CASE("linear: no rows, and gradients that are not wanted") {
  for (auto const& options : tests::engines(2)) {
    cpu::context c(options);
    layer<float> none(0, 4, 3, true);
    CHECK(none.forward(c).empty());
    auto const d = none.backward(c, none.blank(), writing::set);
    CHECK(d.dw == std::vector<float>(12, 0.0f));
    CHECK(d.db == std::vector<float>(3, 0.0f));
    auto const w0 = normals<float>(12, 6), b0 = normals<float>(3, 7);
    auto const added = none.backward(c, {{}, w0, b0}, writing::add);
    CHECK(added.dw == w0);
    CHECK(added.db == b0);
    layer<float> l(3, 4, 2, true);
    auto y = l.forward(c), dy = l.g;
    ops::linear<cpu>::backward<float>(c, true, over(l.x, shape<2>{{3, 4}}), over(y, shape<2>{{3, 2}}), over(dy, shape<2>{{3, 2}}),
                                      over(l.w), {}, {}, writing::set, {}, writing::set);
    for (std::size_t i = 0; i < dy.size(); ++i) CHECK(dy[i] == (y[i] > 0 ? l.g[i] : 0));
  }
}

TEST_CASE("linear: NaN in, NaN out, ReLU or not") {
  for (auto const& options : tests::engines(2))
    for (bool relu : {false, true}) {
      cpu::context c(options);
      layer<float> l(20, 40, 35, relu);
      l.x[3 * 40 + 7] = std::numeric_limits<float>::quiet_NaN();
      auto const y = l.forward(c);
      for (int i = 0; i < 20 * 35; ++i) CHECK(std::isnan(y[std::size_t(i)]) == (i / 35 == 3));
    }
}

#if FRCNN_HAS_ONEDNN
TEST_CASE("linear: in bf16 a layer that may keep its weights is rounded, and no other") {
  if (!onednn::has_bf16()) return;
  cpu::context exact(2), bf16({.threads = 2, .precision = compute::bf16});
  layer<float> l(20, 100, 33, true);
  auto const y = l.forward(exact);
  kept_weights kept;
  auto rounded = nans<float>(y.size());
  ops::linear<cpu>::forward<float>(bf16, true, over(l.x, shape<2>{{20, 100}}), over(l.w), over(l.b), over(rounded, shape<2>{{20, 33}}),
                                   &kept, 1);
  CHECK(!same_bits(rounded, y));
  CHECK(relative_l2(rounded, y) < 1e-2);
  CHECK(same_bits(l.forward(bf16), y));  // what learns is exact
}
#endif

TEST_CASE_TEMPLATE("linear: PyTorch's numbers", T, float, double) {
  auto const file = golden();
  for (bool relu : {true, false}) {
    auto read = [&](char const* what) {
      auto const v = file.read<double>(std::string(relu ? "linear.relu" : "linear.plain") + what);
      return std::vector<T>(v.begin(), v.end());
    };
    layer<T> l(7, 10, 6, relu);
    l.x = read(".x"), l.w = read(".weight"), l.b = read(".bias"), l.g = read(".dy");
    for (auto const& options : tests::engines(2)) {
      CAPTURE(tests::name(options));
      cpu::context c(options);
      CHECK(near(l.forward(c), read(".y"), tolerance<T>));
      auto const d = l.backward(c, l.blank(), writing::set);
      CHECK(near(d.dx, read(".dx"), tolerance<T>));
      CHECK(near(d.dw, read(".dweight"), tolerance<T>));
      CHECK(near(d.db, read(".dbias"), tolerance<T>));
    }
  }
}

TEST_CASE_TEMPLATE("linear: an empty bias is one of zeros", T, float, double) {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    layer<T> l(20, 100, 33, true);
    std::fill(l.b.begin(), l.b.end(), T(0));
    auto const with_zeros = l.forward(c);
    auto y = nans<T>(with_zeros.size());
    ops::linear<cpu>::forward<T>(c, true, over(l.x, shape<2>{{20, 100}}), over(l.w), view<T const, 1, cpu>{}, over(y, shape<2>{{20, 33}}));
    CHECK(same_bits(y, with_zeros));
  }
}

}  // namespace cpu_tests
