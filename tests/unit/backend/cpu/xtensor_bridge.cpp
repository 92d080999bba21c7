#include "frcnn/backend/cpu/xtensor_bridge.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("xtensor bridge: the same memory, both ways") {
  xt::xtensor<float, 2> x = {{1, 2, 3}, {4, 5, 6}};
  auto const v = as_view(x);
  static_assert(std::is_same_v<decltype(v), view<float, 2, cpu> const>);
  CHECK(v.dims == shape<2>{{2, 3}});
  CHECK(v(1, 0) == 4);
  auto adapted = as_xtensor(v);
  CHECK(adapted(1, 2) == 6);
  adapted(0, 1) = 20;
  CHECK(x(0, 1) == 20);
  CHECK(adapted.data() == x.data());
  xt::xtensor<float, 2> const& fixed = x;
  static_assert(std::is_same_v<decltype(as_view(fixed)), view<float const, 2, cpu>>);
  CHECK(as_xtensor(as_view(fixed))(1, 1) == 5);
}
