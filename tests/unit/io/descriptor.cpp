// Descriptors close themselves; what is no regular file has a name.
#include "frcnn/io/descriptor.hpp"

#include <doctest/doctest.h>

#include "scratch.hpp"

using namespace frcnn::io::detail;

TEST_CASE("descriptor: closed once, by whoever has it last") {
  int const fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  {
    descriptor first(fd);
    descriptor second(std::move(first));
    CHECK_FALSE(first);
    CHECK(second.get() == fd);
    CHECK(::fcntl(fd, F_GETFD) >= 0);
  }
  CHECK(::fcntl(fd, F_GETFD) < 0);
}

TEST_CASE("what lies at a path and is no file") {
  ::scratch folder;
  ::close(::open((folder / "file").c_str(), O_WRONLY | O_CREAT, 0600));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("gone", folder / "link");
  CHECK(other_than_file(folder / "file").empty());
  CHECK(other_than_file(folder / "none").empty());
  CHECK(other_than_file(folder / "link").empty());
  CHECK(other_than_file(folder.path) == "a folder");
  CHECK(other_than_file(folder / "pipe") == "a device or a pipe");
  CHECK(link_to_nothing(folder / "link") == "a symbolic link to 'gone', where nothing is");
  CHECK(link_to_nothing(folder / "file").empty());
}
