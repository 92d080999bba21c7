// What tests/ops/add_maps.hpp does not drive: work in place, gradients that are not wanted, NaN.
#include "frcnn/backend/cpu/add_maps.hpp"

#include "../../../ops/add_maps.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("add_maps: the sum may take an addend's place, and one gradient may be wanted alone") {
  for (auto const& p : ops_described::add_maps::problems()) {
    cpu::context c(2);
    auto const a = normals<float>(p.x.size(), 1), b = normals<float>(p.x.size(), 2), g = normals<float>(p.x.size(), 3);
    tensor<float> ta(c, p.x, a), tb(c, p.x, b), ty(c, p.x, nans<float>(p.x.size())), dy(c, p.x, g), again(c, p.x, g),
        da(c, p.x, nans<float>(p.x.size())), db(c, p.x, nans<float>(p.x.size())), other(c, p.x, nans<float>(p.x.size()));
    ops::add_maps<cpu>::forward<float>(c, p.relu, ta.a, tb.a, ty.a);
    ops::add_maps<cpu>::backward<float>(c, p.relu, ty.a, dy.a, da.a, writing::set, db.a, writing::set);
    ops::add_maps<cpu>::backward<float>(c, p.relu, ty.a, again.a, {}, writing::set, other.a, writing::set);
    CHECK(same_bits(other.plain(), db.plain()));
    ops::add_maps<cpu>::forward<float>(c, p.relu, ta.a, tb.a, ta.a);
    CHECK(same_bits(ta.plain(), ty.plain()));
  }
}

TEST_CASE("add_maps: a NaN passes the ReLU") {
  cpu::context c(1);
  shape<4> const s{{1, 2, 1, 1}};
  tensor<float> a(c, s, {std::numeric_limits<float>::quiet_NaN(), -1}), b(c, s, {1, 0}), y(c, s, {0, 0});
  ops::add_maps<cpu>::forward<float>(c, true, a.a, b.a, y.a);
  CHECK(std::isnan(y.plain()[0]));
  CHECK(y.plain()[1] == 0);
}

}  // namespace cpu_tests
