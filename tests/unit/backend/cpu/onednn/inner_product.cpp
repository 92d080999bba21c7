#include "frcnn/backend/cpu/onednn/inner_product.hpp"

#if FRCNN_HAS_ONEDNN

#include "../tensors.hpp"
#include "bfloat16.hpp"

#include <doctest/doctest.h>

#include <optional>

namespace cpu_tests {

namespace {

struct layer {
  int m, k, n;
  bool relu;
  std::vector<float> x, w, b;
  layer(int m, int k, int n, bool relu)
      : m(m),
        k(k),
        n(n),
        relu(relu),
        x(normals<float>(std::size_t(m) * k, 1)),
        w(normals<float>(std::size_t(n) * k, 2, 0.3)),
        b(normals<float>(n, 3)) {}

  std::vector<double> expected(std::vector<float> const& rows, std::vector<float> const& matrix, bool with_bias = true) const {
    std::vector<double> y(std::size_t(m) * n);
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        double sum = with_bias ? b[j] : 0;
        for (int a = 0; a < k; ++a) sum += double(rows[std::size_t(i) * k + a]) * double(matrix[std::size_t(j) * k + a]);
        y[std::size_t(i) * n + j] = relu && sum < 0 ? 0 : sum;
      }
    return y;
  }
  // Empty: oneDNN has no kernel that may run.
  std::optional<std::vector<float>> run(cpu::context& c, compute precision, onednn::packed* keep = nullptr, std::uint64_t version = 0,
                                        bool with_bias = true, int images = 1) const {
    poison(c);
    auto y = nans<float>(std::size_t(m) * n);
    if (!onednn::inner_product(c, relu, {x.data(), {{m, k}}}, {w.data(), keep, version}, with_bias ? b.data() : nullptr,
                               {y.data(), {{m, n}}}, precision, images)) {
      CHECK(std::ranges::all_of(y, [](float v) { return std::isnan(v); }));
      return {};
    }
    return y;
  }
  // Its first or second half of the rows.
  layer half(int which) const {
    layer h(m / 2, k, n, relu);
    h.x.assign(x.begin() + which * (m / 2) * k, x.begin() + (which + 1) * (m / 2) * k);
    return h;
  }
};

layer const layers[] = {{300, 98, 64, true}, {7, 33, 5, false}, {1, 512, 84, false}, {0, 8, 8, true}, {64, 256, 256, true}};

}  // namespace

TEST_CASE("onednn inner product: float against the definition, with kept weights and without") {
  cpu::context c(2);
  for (layer const& l : layers) {
    CAPTURE(l.m);
    onednn::packed kept;
    auto const expected = l.expected(l.x, l.w), without = l.expected(l.x, l.w, false);
    auto const y = l.run(c, compute::exact);
    if (!y) continue;
    CHECK(near(*y, expected, tolerance<float>));
    CHECK(near(*l.run(c, compute::exact, &kept, 1), expected, tolerance<float>));
    CHECK(near(*l.run(c, compute::exact, nullptr, 0, false), without, tolerance<float>));
    CHECK(same_bits(*l.run(c, compute::exact), *y));
  }
}

TEST_CASE("onednn inner product: bf16 rounds the factors and sums in float") {
  cpu::context c(2);
  if (!onednn::has_bf16()) {
    CHECK_THROWS_AS(layers[0].run(c, compute::bf16), error);
    return;
  }
  for (layer const& l : layers) {
    CAPTURE(l.m);
    onednn::packed kept;
    auto const y = l.run(c, compute::bf16);
    if (!y) continue;
    CHECK(near(*y, l.expected(rounded(l.x), rounded(l.w)), tolerance<float>));
    CHECK((l.m == 0 || !near(*y, l.expected(l.x, l.w), 1e-5)));
    CHECK(same_bits(*l.run(c, compute::bf16, &kept, 1), *y));
    CHECK(same_bits(*l.run(c, compute::bf16, &kept, 1), *y));
    if (l.m % 2) continue;
    auto both = *l.half(0).run(c, compute::bf16);
    auto const second = *l.half(1).run(c, compute::bf16);
    both.insert(both.end(), second.begin(), second.end());
    CHECK(same_bits(*l.run(c, compute::bf16, nullptr, 0, true, 2), both));
  }
}

TEST_CASE("onednn inner product: NaN in, NaN out") {
  cpu::context c(1);
  layer l(3, 40, 20, true);
  l.x[0] = std::numeric_limits<float>::quiet_NaN();
  for (compute p : {compute::exact, compute::bf16}) {
    if (p == compute::bf16 && !onednn::has_bf16()) continue;
    auto const found = l.run(c, p);
    if (!found) continue;
    auto const& y = *found;
    CHECK(std::isnan(y[0]));
    CHECK(!std::isnan(y.back()));
    CHECK(!(y.back() < 0));
  }
}

}  // namespace cpu_tests

#endif
