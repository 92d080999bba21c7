#include "frcnn/backend/cpu/add_maps.hpp"

#include "../../engines.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE_TEMPLATE("add_maps: the sum, with and without ReLU, and its gradients, set or added, or not wanted", T, float, double) {
  for (shape<4> const s : {shape<4>{{2, 5, 3, 4}}, shape<4>{{1, 33, 50, 41}}, shape<4>{{0, 3, 2, 2}}})
    for (bool relu : {false, true})
      for (auto const& options : tests::engines(2)) {
        cpu::context c(options);
        auto const a = normals<T>(s.size(), 1), b = normals<T>(s.size(), 2), g = normals<T>(s.size(), 3), before = normals<T>(s.size(), 4);
        auto y = plus(a, b), d = g;
        for (std::size_t i = 0; i < y.size(); ++i) {
          if (!relu) continue;
          if (y[i] < 0) y[i] = 0;
          if (!(y[i] > 0)) d[i] = 0;
        }
        tensor<T> ta(c, s, a), tb(c, s, b), ty(c, s, nans<T>(s.size())), dy(c, s, g), da(c, s, nans<T>(s.size())), db(c, s, before);
        ops::add_maps<cpu>::forward<T>(c, relu, ta.a, tb.a, ty.a);
        CHECK(same_bits(ty.plain(), y));
        ops::add_maps<cpu>::backward<T>(c, relu, ty.a, dy.a, da.a, writing::set, db.a, writing::add);
        CHECK(same_bits(da.plain(), d));
        CHECK(same_bits(db.plain(), plus(before, d)));
        tensor<T> again(c, s, g), other(c, s, before);
        ops::add_maps<cpu>::backward<T>(c, relu, ty.a, again.a, {}, writing::set, other.a, writing::set);
        CHECK(same_bits(other.plain(), d));
        ops::add_maps<cpu>::forward<T>(c, relu, ta.a, tb.a, ta.a);  // in place
        CHECK(same_bits(ta.plain(), y));
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
