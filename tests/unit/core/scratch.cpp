// Scratch: views in the context's arena, which die with a frame.
#include "frcnn/core/scratch.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("scratch: has its shape, its own memory, and ends with its frame") {
  cpu::context c;
  float* first = nullptr;
  {
    cpu::context::frame const f(c);
    auto const a = scratch<float, cpu>(c, shape<2>{{3, 5}});
    auto const b = scratch<double, cpu>(c, shape<1>{{7}});
    CHECK(a.dims == shape<2>{{3, 5}});
    for (std::size_t i = 0; i < a.size(); ++i) a.data[i] = 1;
    for (std::size_t i = 0; i < b.size(); ++i) b.data[i] = 2;
    CHECK(a(2, 4) == 1);
    first = a.data;
  }
  cpu::context::frame const f(c);
  CHECK(scratch<float, cpu>(c, shape<2>{{3, 5}}).data == first);
}

TEST_CASE("scratch: a counted set is rows and a count for each segment") {
  cpu::context c;
  cpu::context::frame const f(c);
  auto const set = scratch_counted<int, cpu>(c, 3, 8);
  CHECK(set.rows.dims == shape<2>{{3, 8}});
  CHECK(set.count.dims == shape<1>{{3}});
}

TEST_CASE("scratch: a shape with a negative extent, or too many elements, is refused") {
  cpu::context c;
  cpu::context::frame const f(c);
  CHECK_THROWS_AS((scratch<float, cpu>(c, shape<2>{{3, -1}})), error);
}
