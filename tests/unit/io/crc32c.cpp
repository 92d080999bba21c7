#include "frcnn/io/crc32c.hpp"

#include <doctest/doctest.h>

#include <string>

using frcnn::io::crc32c;

TEST_CASE("crc32c: the vectors of RFC 3720") {
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c(rising) == 0x46dd794e);
  CHECK(crc32c(std::string(rising.rbegin(), rising.rend())) == 0x113fdb5c);
}

TEST_CASE("crc32: PNG's") {
  CHECK(frcnn::io::crc32("123456789") == 0xcbf43926);
  CHECK(frcnn::io::crc32("IEND") == 0xae426082);  // as every PNG ends
}

TEST_CASE("crc32c: pieces of any length give what the whole gives") {
  std::string text;
  for (int i = 0; i < 50; ++i) text += static_cast<char>(i * 37);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) CHECK(crc32c(text.substr(cut), crc32c(text.substr(0, cut))) == crc32c(text));
}

TEST_CASE("crc32c: the processor's instruction and the table agree, at every length and place") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * 37);
  for (std::size_t begin = 0; begin < 9; ++begin)
    for (std::size_t n = 0; begin + n <= text.size(); ++n) {
      auto const part = std::string_view(text).substr(begin, n);
      REQUIRE(crc32c(part, 12345) == frcnn::io::detail::crc(frcnn::io::detail::crc32c_table, part, 12345));
    }
  static_assert(crc32c("123456789") == 0xe3069283);
}
