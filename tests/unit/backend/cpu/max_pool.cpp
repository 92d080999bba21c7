#include "frcnn/backend/cpu/max_pool.hpp"

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

template <class T>
pooled<T> naive(pool_spec spec, shape<4> xs, std::vector<T> const& x, std::vector<T> const& g) {
  shape<4> const ys = spec.out_shape(xs);
  pooled<T> r{std::vector<T>(ys.size()), std::vector<std::int32_t>(ys.size()), std::vector<T>(xs.size(), T(0))};
  std::size_t at = 0;
  for (int n = 0; n < ys[0]; ++n)
    for (int c = 0; c < ys[1]; ++c)
      for (int i = 0; i < ys[2]; ++i)
        for (int j = 0; j < ys[3]; ++j, ++at) {
          T const* const map = x.data() + (std::size_t(n) * xs[1] + c) * xs[2] * xs[3];
          int winner = -1;
          for (int y = std::max(0, i * spec.stride - spec.pad); y < std::min(xs[2], i * spec.stride - spec.pad + spec.kernel); ++y)
            for (int z = std::max(0, j * spec.stride - spec.pad); z < std::min(xs[3], j * spec.stride - spec.pad + spec.kernel); ++z)
              if (winner < 0 || map[y * xs[3] + z] > map[winner]) winner = y * xs[3] + z;
          r.y[at] = map[winner];
          r.at[((std::size_t(n) * ys[2] + i) * ys[3] + j) * ys[1] + c] = winner;
          r.dx[(std::size_t(n) * xs[1] + c) * xs[2] * xs[3] + winner] += g[at];
        }
  return r;
}

}  // namespace

TEST_CASE_TEMPLATE("max_pool: against loops, ties, both roundings, both kinds of write", T, float, double) {
  for (auto [spec, xs] :
       {std::pair{pool_spec{2, 2, 0, false}, shape<4>{{2, 3, 7, 6}}}, std::pair{pool_spec{2, 2, 0, true}, shape<4>{{1, 40, 7, 9}}},
        std::pair{pool_spec{3, 2, 1, true}, shape<4>{{2, 3, 8, 7}}}, std::pair{pool_spec{3, 2, 1, false}, shape<4>{{1, 2, 33, 30}}},
        std::pair{pool_spec{3, 1, 1, false}, shape<4>{{2, 5, 21, 4}}}, std::pair{pool_spec{1, 3, 0, false}, shape<4>{{1, 2, 8, 8}}},
        std::pair{pool_spec{5, 2, 2, false}, shape<4>{{1, 1, 3, 3}}}}) {
    std::string const extents = to_string(xs);
    CAPTURE(extents);
    shape<4> const ys = spec.out_shape(xs);
    auto x = normals<T>(xs.size(), 1, 2);
    for (auto& v : x) v = std::round(v);  // many ties
    auto const g = normals<T>(ys.size(), 2);
    cpu::context one(1), two(2);
    auto const expected = naive(spec, xs, x, g);
    auto const set = run(two, spec, xs, x, g, nans<T>(xs.size()), writing::set);
    CHECK(set.y == expected.y);
    CHECK(set.at == expected.at);
    CHECK(near(set.dx, expected.dx, tolerance<T>));
    auto const before = normals<T>(xs.size(), 3);
    CHECK(near(run(two, spec, xs, x, g, before, writing::add).dx, plus(before, expected.dx), tolerance<T>));
    CHECK(same_bits(run(one, spec, xs, x, g, nans<T>(xs.size()), writing::set).dx, set.dx));
  }
}

TEST_CASE("max_pool: central differences in double") {
  pool_spec const spec{3, 2, 1, false};
  shape<4> const xs{{1, 2, 6, 7}};
  auto x = normals<double>(xs.size(), 8);
  auto const g = normals<double>(spec.out_shape(xs).size(), 9);
  cpu::context c(2);
  auto const d = run(c, spec, xs, x, g, nans<double>(xs.size()), writing::set).dx;
  auto loss = [&] { return dot(run(c, spec, xs, x, g, x, writing::set).y, g); };
  CHECK(near(d, numeric_gradient(x, loss), 1e-6));
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
  for (auto [name, spec, xs] : {std::tuple{"floor", pool_spec{2, 2, 0, false}, shape<4>{{2, 3, 7, 6}}},
                                std::tuple{"ceil", pool_spec{2, 2, 0, true}, shape<4>{{2, 3, 7, 9}}},
                                std::tuple{"ceil_pad", pool_spec{3, 2, 1, true}, shape<4>{{2, 3, 8, 7}}},
                                std::tuple{"ceil3", pool_spec{3, 2, 0, true}, shape<4>{{2, 3, 8, 7}}}}) {
    std::string const title = name;
    CAPTURE(title);
    auto read = [&, n = std::string("max_pool.") + name](char const* what) {
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
