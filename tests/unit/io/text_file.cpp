#include "frcnn/io/text_file.hpp"

#include "frcnn/io/atomic_file.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn::io;
using namespace std::string_literals;

TEST_CASE("text is read in UTF-8 and UTF-16, and what is none is named") {
  ::scratch folder;
  auto const path = folder / "a.txt";
  auto const read = [&](std::string const& bytes) {
    write_file_atomically(path, bytes);
    return read_text(path, "words");
  };
  auto const said = [&](std::string const& bytes) { return sentence([&] { read(bytes); }).substr(path.string().size()); };
  for (std::string const& bytes : {"a b\n"s, "\xEF\xBB\xBF"s + "a b\n", "\xFF\xFE"s + "a\0 \0b\0\n\0"s, "\0a\0 \0b\0\n"s})
    CHECK(read(bytes) == "a b\n");
  CHECK(read("").empty());
  CHECK(read("caf\xE9\t\r\n") == "caf\xE9\t\r\n");  // of whoever asks for UTF-8
  CHECK(said("\x1F\x8B\x08\0abc"s) == ": expected words, found a file packed by gzip: unpack it first");
  CHECK(said("version https://git-lfs.github.com/spec/v1\n").find(": expected words, found a pointer of Git LFS") == 0);
  CHECK(said("a\nb \x01\0c"s) == ":2: expected words, found control characters, '\\x01\\x00c'");
  CHECK(said("a 1\n"s + std::string(5000, '\0')).size() < 200);
  CHECK(said("\xFF\xFE"s + "a").find(": expected text in UTF-16LE") == 0);
}
