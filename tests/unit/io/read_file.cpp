// Reading: everything a file holds, and one sentence for what is none.
#include "frcnn/io/read_file.hpp"

#include "frcnn/io/atomic_file.hpp"

#include <doctest/doctest.h>

#include "scratch.hpp"

using namespace frcnn::io;

TEST_CASE("read_file: all bytes, zeros too, and of a file that claims no size") {
  ::scratch folder;
  std::string const bytes("a\0b\n", 4), large(100000, 'x');
  write_file_atomically(folder / "small", bytes);
  write_file_atomically(folder / "large", large);
  CHECK(read_file(folder / "small") == bytes);
  CHECK(read_file(folder / "large") == large);
  if (std::filesystem::exists("/proc/self/status")) CHECK(read_file("/proc/self/status").find("Pid:") != std::string::npos);
}

TEST_CASE("read_file: what is no file is said") {
  ::scratch folder;
  auto const at = [&](char const* name) { return (folder / name).string(); };
  CHECK(sentence([&] { read_file(at("none")); }) == at("none") + ": expected a file, found nothing at that place");
  CHECK(sentence([&] { read_file(folder.path); }) == folder.path.string() + ": expected a file, found a folder");
  if (std::filesystem::exists("/dev/zero"))
    CHECK(sentence([] { read_file("/dev/zero"); }) ==
          "/dev/zero: expected a file with an end, found more than 256 MiB from a device or a pipe");
}

TEST_CASE("a link to nothing is called so where a file is read") {
  ::scratch folder;
  std::filesystem::create_symlink("gone", folder / "link");
  CHECK(sentence([&] { read_file(folder / "link"); }) ==
        (folder / "link").string() + ": expected a file, found a symbolic link to 'gone', where nothing is");
  CHECK(sentence([&] { read_file(folder / "none"); }) == (folder / "none").string() + ": expected a file, found nothing at that place");
}

TEST_CASE("read_at: a part, or a sentence where the file has become shorter") {
  ::scratch folder;
  auto const path = folder / "f";
  write_file_atomically(path, "0123456789");
  auto const file = detail::open_to_read(path);
  CHECK(detail::size_of_file(file, path) == 10);
  char part[4];
  detail::read_at(file, 3, 4, part, path.string());
  CHECK(std::string(part, 4) == "3456");
  std::filesystem::resize_file(path, 5);
  CHECK(sentence([&] { detail::read_at(file, 3, 4, part, path.string()); }) ==
        path.string() + ": expected the file as long as when it was opened, found one cut short since");
}
