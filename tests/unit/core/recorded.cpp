// Keys of recorded work (core/recorded.hpp), and that a device which does not record just does it.
#include "frcnn/core/recorded.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("call_key: numbers, addresses and shapes tell keys apart") {
  int x = 0;
  call_key a, b, c;
  a.add(&x), a.add(std::uint64_t{1});
  b.add(&x), b.add(std::uint64_t{2});
  c.add(&x);
  CHECK((a < b && !(b < a) && c < a && !(a < a)));
}

TEST_CASE("call_key: as many numbers as it has room for are whole") {
  call_key key;
  for (std::size_t i = 0; i < call_key::most; ++i) key.add(i);
  CHECK(key.is_whole());
}

TEST_CASE("recorded: a context without graphs is not asked for a key") {
  struct plain_context {
  } c;
  CHECK(recorded(
            c, [](call_key&) { FAIL("described"); }, [] { return std::uint64_t{5}; }) == 5);
}
