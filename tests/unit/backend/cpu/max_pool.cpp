// What tests/ops/max_pool.hpp does not drive: numbers from PyTorch, NaN, where winners are.
#include "frcnn/backend/cpu/max_pool.hpp"

#include "../../../ops/max_pool.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

template <class T>
struct pooled {
  std::vector<T> y;
  std::vector<std::int32_t> at;  // in the engine's order
  std::vector<T> dx;
};
template <class T>
pooled<T> run(cpu::context& c, pool_spec spec, shape<4> xs, std::vector<T> const& x, std::vector<T> const& g, std::vector<T> const& before,
              writing how) {
  shape<4> const ys = spec.out_shape(xs);
  tensor<T> tx(c, xs, x), ty(c, ys, nans<T>(ys.size())), tdy(c, ys, g), tdx(c, xs, before);
  std::vector<std::int32_t> at(ys.size(), -7);
  ops::max_pool<cpu>::forward<T>(c, spec, tx.a, ty.a, over(at));
  tensor<T> without(c, ys, nans<T>(ys.size()));
  ops::max_pool<cpu>::forward<T>(c, spec, tx.a, without.a, {});
  CHECK(same_bits(ty.plain(), without.plain()));
  ops::max_pool<cpu>::backward<T>(c, spec, over(at), tdy.a, tdx.a, how);
  return {ty.plain(), at, tdx.plain()};
}

}  // namespace

TEST_CASE("max_pool: the winners are cells of the map, in its order; without them the same maxima") {
  cpu::context c(2);
  for (auto const& p : ops_described::max_pool::problems()) {
    auto const x = ops_described::contents<double>(ops_described::max_pool::inputs(p)[0], 1);
    shape<4> const ys = p.spec.out_shape(p.x);
    auto const r = run(c, p.spec, p.x, x, normals<double>(ys.size(), 2), nans<double>(x.size()), writing::set);  // compares with none
    std::size_t const plane = static_cast<std::size_t>(p.x[2]) * p.x[3], cells = static_cast<std::size_t>(ys[2]) * ys[3], channels = ys[1];
    for (std::size_t i = 0; i < r.y.size(); ++i) {
      std::size_t const map = i / cells, image = map / channels, in_order = (image * cells + i % cells) * channels + map % channels;
      CHECK(x[map * plane + static_cast<std::size_t>(r.at[in_order])] == r.y[i]);
    }
  }
}

TEST_CASE("max_pool: a NaN is seen") {
  cpu::context c(1);
  for (int where : {0, 3}) {
    std::vector<float> x{1, 2, 3, 4};
    x[where] = std::numeric_limits<float>::quiet_NaN();
    auto const r = run(c, {2, 2}, {{1, 1, 2, 2}}, x, {1.0f}, x, writing::set);
    CHECK(std::isnan(r.y[0]));
    CHECK(r.at[0] == where);
  }
}

TEST_CASE_TEMPLATE("max_pool: PyTorch's numbers", T, float, double) {
  auto const file = golden();
  for (auto const& [name, spec, xs] : ops_described::max_pool::golden()) {
    std::string const title = name;
    CAPTURE(title);
    auto read = [&, n = std::string(name)](char const* what) {
      auto const v = file.read<double>(n + what);
      return std::vector<T>(v.begin(), v.end());
    };
    cpu::context c(2);
    auto const r = run(c, spec, xs, read(".x"), read(".dy"), nans<T>(xs.size()), writing::set);
    CHECK(near(r.y, read(".y"), tolerance<T>));
    CHECK(near(r.dx, read(".dx"), tolerance<T>));
  }
}

}  // namespace cpu_tests
