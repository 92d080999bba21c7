// Feature maps of several levels, and what two parts must agree on.
#include "frcnn/core/maps.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace frcnn;

TEST_CASE("maps: one activation for each level") {
  using f = features<float, cpu, 256, 5>;
  static_assert(f::channels == 256 && f::levels == 5);
  static_assert(std::is_same_v<f::maps_type, maps<float, 5, cpu>>);
  cpu::context c;
  cpu::context::frame const frame(c);
  maps<double, 2, cpu> m{{c.make<double>({{1, 8, 6, 4}}), c.make<double>({{1, 8, 3, 2}})}};
  CHECK(m.level[0].dims == shape<4>{{1, 8, 6, 4}});
  CHECK(m.level[1].dims == shape<4>{{1, 8, 3, 2}});
  CHECK(m.level[0].data != m.level[1].data);
}

TEST_CASE("maps: some of the levels, in the same memory") {
  cpu::context c;
  cpu::context::frame const frame(c);
  maps<double, 3, cpu> m{{c.make<double>({{1, 2, 8, 8}}), c.make<double>({{1, 2, 4, 4}}), {}}};
  auto const last = m.range<1, 2>();
  static_assert(std::is_same_v<decltype(last), maps<double, 2, cpu> const>);
  CHECK(last.level[0].data == m.level[1].data);
  CHECK(last.level[0].dims == m.level[1].dims);
  CHECK(last.level[1].data == nullptr);
  CHECK(is_there(m));
  CHECK(is_there(last));
  CHECK(!is_there(m.range<2, 1>()));
}
