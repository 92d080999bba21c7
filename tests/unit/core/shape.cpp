// Shapes: their size, their text.
#include "frcnn/core/shape.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("shape: size is the product, also where it passes 32 bits") {
  static_assert(shape<3>{{2, 3, 4}}.size() == 24);
  static_assert(shape<2>{{0, 7}}.size() == 0);
  static_assert(shape<4>{{64, 512, 400, 667}}.size() == 8742502400ull);
}

TEST_CASE("shape: equal in every extent") {
  CHECK(shape<2>{{1, 2}} == shape<2>{{1, 2}});
  CHECK_FALSE(shape<2>{{1, 2}} == shape<2>{{2, 1}});
  CHECK(to_string(shape<4>{{2, 3, 600, 800}}) == "[2,3,600,800]");
  CHECK(to_string(shape<1>{{5}}) == "[5]");
}
