// The names of precisions, as programs and files have them.
#include "frcnn/core/compute.hpp"

#include <doctest/doctest.h>

#include <string_view>

using namespace frcnn;

TEST_CASE("compute: names") {
  CHECK(std::string_view(to_string(compute::exact)) == "f32");
  CHECK(std::string_view(to_string(compute::tf32)) == "tf32");
  CHECK(std::string_view(to_string(compute::bf16)) == "bf16");
}
