#include "frcnn/io/crc32.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace frcnn::io;

TEST_CASE("CRC-32 by products is that by tables, whatever the length, and of two parts that of the whole") {
  CHECK(fast_crc32("123456789") == 0xcbf43926);
  CHECK(crc32_of_both(crc32("1234"), crc32("56789"), 5) == 0xcbf43926);
  CHECK(crc32_of_both(crc32("123456789"), crc32(""), 0) == 0xcbf43926);
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * i + i / 7);
  for (std::size_t n = 0; n <= bytes.size(); n = n < 300 ? n + 1 : n + 37) {
    std::string_view const part(bytes.data() + n % 5, n - n % 5 % (n + 1));
    CAPTURE(n);
    CHECK(fast_crc32(part) == crc32(part));
    CHECK(fast_crc32(part, 0x12345678) == crc32(part, 0x12345678));
    std::size_t const cut = part.size() / 3;
    CHECK(crc32_of_both(crc32(part.substr(0, cut)), crc32(part.substr(cut)), part.size() - cut) == crc32(part));
  }
}
