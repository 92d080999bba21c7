#include "frcnn/backend/cpu/lrn.hpp"

#include "../../engines.hpp"
#include "../../sentence.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

constexpr lrn_spec caffe{5, 1e-4, .75, 1}, strong{3, .6, .75, 2}, single{1, .5, 1.5, 1};

std::vector<double> defined(lrn_spec const& s, shape<4> in, std::vector<double> const& x) {
  std::vector<double> y(x.size());
  std::size_t const plane = static_cast<std::size_t>(in[2]) * in[3];
  for (int n = 0; n < in[0]; ++n)
    for (int ch = 0; ch < in[1]; ++ch)
      for (std::size_t i = 0; i < plane; ++i) {
        double sum = 0;
        for (int d = std::max(0, ch - s.size / 2); d <= std::min(in[1] - 1, ch + s.size / 2); ++d) {
          double const v = x[(std::size_t(n) * in[1] + d) * plane + i];
          sum += v * v;
        }
        std::size_t const at = (std::size_t(n) * in[1] + ch) * plane + i;
        y[at] = x[at] / std::pow(s.k + s.alpha / s.size * sum, s.beta);
      }
  return y;
}

}  // namespace

TEST_CASE("lrn: numbers worked out by hand") {
  // 3 channels of a pixel, 1 2 3: sums of squares 5, 14, 13; s = 1 + 0.3 / 3 * sum
  cpu::context c(1);
  shape<4> const s{{1, 3, 1, 1}};
  tensor<double> x(c, s, {1, 2, 3}), y(c, s, {0, 0, 0});
  ops::lrn<cpu>::forward<double>(c, {3, .3, .75, 1}, x.a, y.a);
  CHECK(near(y.plain(), std::vector<double>{0.7377879464668811, 1.0372216288141307, 1.6062952596312887}, 1e-12));
}

TEST_CASE_TEMPLATE("lrn: its definition, on every engine, with any number of threads", T, float, double) {
  for (auto const& spec : {caffe, strong, single})
    for (shape<4> const s : {shape<4>{{2, 7, 5, 3}}, shape<4>{{1, 2, 40, 33}}, shape<4>{{1, 1, 1, 1}}, shape<4>{{0, 3, 2, 2}}}) {
      auto const x = normals<T>(s.size(), 3, 4);
      auto const expected = defined(spec, s, {x.begin(), x.end()});
      std::vector<T> first;
      for (int threads : {1, 3})
        for (auto const& options : tests::engines(threads)) {
          cpu::context c(options);
          poison(c);
          tensor<T> tx(c, s, x), ty(c, s, nans<T>(s.size()));
          ops::lrn<cpu>::forward<T>(c, spec, tx.a, ty.a);
          CHECK(near(ty.plain(), expected, tolerance<T>));
          if (first.empty()) first = ty.plain();
          CHECK(same_bits(ty.plain(), first));
        }
    }
}

TEST_CASE("lrn: the gradient is the derivative, set or added") {
  shape<4> const s{{2, 6, 3, 2}};
  for (auto const& spec : {caffe, strong, single})
    for (auto const& options : tests::engines(2)) {
      cpu::context c(options);
      auto x = normals<double>(s.size(), 1, 2);
      auto const g = normals<double>(s.size(), 2), before = normals<double>(s.size(), 3);
      auto const loss = [&] { return dot(defined(spec, s, x), g); };
      tensor<double> tx(c, s, x), dy(c, s, g), dx(c, s, nans<double>(s.size())), sum(c, s, before);
      poison(c);
      ops::lrn<cpu>::backward<double>(c, spec, tx.a, dy.a, dx.a, writing::set);
      CHECK(near(dx.plain(), numeric_gradient(x, loss), 1e-6));
      ops::lrn<cpu>::backward<double>(c, spec, tx.a, dy.a, sum.a, writing::add);
      CHECK(near(sum.plain(), plus(before, dx.plain()), 1e-12));
    }
}

TEST_CASE("lrn: a NaN reaches its neighbours and no others; what is none is refused") {
  cpu::context c(2);
  shape<4> const s{{1, 7, 2, 1}};
  auto x = normals<float>(s.size(), 1);
  x[2 * 2] = std::numeric_limits<float>::quiet_NaN();  // channel 2 of the first pixel
  tensor<float> tx(c, s, x), ty(c, s, nans<float>(s.size()));
  ops::lrn<cpu>::forward<float>(c, strong, tx.a, ty.a);
  auto const y = ty.plain();
  for (int ch = 0; ch < 7; ++ch)
    for (int pixel = 0; pixel < 2; ++pixel) CHECK(std::isnan(y[std::size_t(ch) * 2 + pixel]) == (pixel == 0 && std::abs(ch - 2) <= 1));
  for (lrn_spec const& bad : {lrn_spec{4}, lrn_spec{0}, lrn_spec{5, -1}, lrn_spec{5, 1, .75, 0}})
    CHECK(sentence([&] { ops::lrn<cpu>::forward<float>(c, bad, tx.a, ty.a); }).starts_with("local response normalisation: expected an odd"));
}

}  // namespace cpu_tests
