#include "frcnn/io/encoding.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::io;
using namespace std::string_literals;

TEST_CASE("text is converted, or the fault in it named") {
  CHECK(convert_to_utf8("\xEA\xEE\xF2", "windows-1251", "a") == "\xD0\xBA\xD0\xBE\xD1\x82");
  CHECK(convert_to_utf8(std::string(10000, '\xE9'), "ISO-8859-1", "a").size() == 20000);
  CHECK(convert_to_utf8("\x83\x4C", "Shift_JIS", "a") == "\xE3\x82\xAD");
  CHECK(convert_to_utf8("", "GBK", "a").empty());
  CHECK(sentence([] { convert_to_utf8("x", "no-such", "a.xml"); }) == "a.xml: expected an encoding that is known here, found 'no-such'");
  CHECK(sentence([] { convert_to_utf8("ab\xFF\xFF", "EUC-JP", "a.xml"); }) ==
        "a.xml: expected text in EUC-JP, found bytes that are none, after 2");
}

TEST_CASE("a mark, or the zeros of UTF-16, gives an encoding away") {
  for (std::string const& text : {"ab\n"s, "\xEF\xBB\xBF"s + "ab\n", "\xFF\xFE"s + "a\0b\0\n\0"s, "\xFE\xFF"s + "\0a\0b\0\n"s,
                                  "a\0b\0\n\0"s, "\0a\0b\0\n"s, "\xFF\xFE\0\0a\0\0\0b\0\0\0\n\0\0\0"s})
    CHECK(without_mark(text, "x") == "ab\n");
  CHECK(without_mark("\xE9", "x") == "\xE9");
  CHECK(sentence([] { without_mark("\xFF\xFE"s + "a", "x"); }).find("x: expected text in UTF-16LE") == 0);
}
