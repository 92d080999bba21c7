// FNV-1a, 64 bits: the values of its authors' test suite.
#include "frcnn/core/hash.hpp"

#include <doctest/doctest.h>

using frcnn::fnv1a;

TEST_CASE("hash: FNV-1a of known texts") {
  static_assert(fnv1a("") == 0xcbf29ce484222325ull);
  static_assert(fnv1a("a") == 0xaf63dc4c8601ec8cull);
  static_assert(fnv1a("foobar") == 0x85944171f73967e8ull);
  CHECK(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));                                // goes on from where it was
  static_assert(fnv1a("fc.weight", 1469598103934665603ull) == 0x5a93b4834ea3bf16ull);  // from another start; by Python's integers
  CHECK(fnv1a({"\0", 1}) != fnv1a(""));                                                // a zero byte counts
  CHECK(fnv1a("\xff") == 0xaf64724c8602eb6eull);                                       // bytes are unsigned
}
