#include "frcnn/backend/cpu/rows.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE_TEMPLATE("rows: cell (y, x) of a level is row first + y*W + x, both ways, other rows untouched", T, float, double) {
  cpu::context c(2);
  shape<4> const s{{2, 3, 4, 5}};
  int const first = 6, m = 30;
  auto const values = normals<T>(s.size(), 1);
  tensor<T> a(c, s, values);
  std::vector<T> rows(std::size_t(2) * m * 3, T(-99));
  auto const v = over(rows, shape<3>{{2, m, 3}});
  ops::rows<cpu>::gather<T>(c, a.a, v, first);
  for (int n = 0; n < 2; ++n)
    for (int r = 0; r < m; ++r)
      for (int ch = 0; ch < 3; ++ch) {
        int const cell = r - first;
        CHECK(v(n, r, ch) == (cell >= 0 && cell < 20 ? values[(n * 3 + ch) * 20 + cell] : T(-99)));
      }
  tensor<T> back(c, s, nans<T>(s.size()));
  ops::rows<cpu>::scatter<T>(c, v, first, back.a);
  CHECK(back.plain() == values);
}

}  // namespace cpu_tests
