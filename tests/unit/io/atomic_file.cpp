#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "scratch.hpp"

using namespace frcnn::io;

namespace {

// A process that may write files of at most n bytes: what a full disk does, without one.
struct limited_files {
  rlimit before;
  explicit limited_files(rlim_t n) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit const limit{n, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~limited_files() { ::setrlimit(RLIMIT_FSIZE, &before); }
};

}  // namespace

TEST_CASE("a file is there after commit, whole, and not before") {
  ::scratch folder;
  auto const path = folder / "a.bin";
  std::string const large(300'000, 'x');  // more than the buffer
  {
    atomic_file file(path);
    file.stream() << 0.5 << ' ' << 12345 << '\n';
    file.write(large.data(), large.size());
    file.stream() << "end";
    CHECK_FALSE(std::filesystem::exists(path));
    file.commit();
    CHECK(read_file(path) == "0.5 12345\n" + large + "end");
  }
  CHECK(folder.entries() == 1);
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
}

TEST_CASE("without commit the old contents stay and nothing is left beside") {
  ::scratch folder;
  auto const path = folder / "a.txt";
  write_file_atomically(path, "old");
  {
    atomic_file file(path);
    file.stream() << "new";
    CHECK(folder.entries() == 2);
  }
  CHECK(read_file(path) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("what a killed writer left is taken over") {
  ::scratch folder;
  { std::ofstream(folder / "a.txt.part") << "a long half-written text"; }
  write_file_atomically(folder / "a.txt", "new");
  CHECK(read_file(folder / "a.txt") == "new");
  CHECK(folder.entries() == 1);
}

TEST_CASE("two writers of one path") {
  ::scratch folder;
  auto const path = folder / "a.txt";
  atomic_file first(path);
  CHECK(sentence([&] { atomic_file second(path); }) == path.string() + ": expected no other process that writes it, found one that does");
  first.stream() << "first";
  first.commit();
  CHECK(read_file(path) == "first");
}

TEST_CASE("a link stays a link, and permissions are the user's") {
  ::scratch folder;
  write_file_atomically(folder / "real.txt", "old");
  std::filesystem::create_symlink("real.txt", folder / "link.txt");
  write_file_atomically(folder / "link.txt", "new");
  CHECK(std::filesystem::is_symlink(folder / "link.txt"));
  // ... where nothing is yet too
  std::filesystem::create_directory(folder / "disk");
  std::filesystem::create_symlink("disk/model", folder / "model");
  std::filesystem::create_symlink("model", folder / "alias");
  write_file_atomically(folder / "alias", "new");
  CHECK((std::filesystem::is_symlink(folder / "alias") && std::filesystem::is_symlink(folder / "model")));
  CHECK(read_file(folder / "disk/model") == "new");
  std::filesystem::create_symlink("gone/model", folder / "nowhere");
  CHECK(sentence([&] { write_file_atomically(folder / "nowhere", ""); }).find("nowhere: expected a folder to write into") !=
        std::string::npos);
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(sentence([&] { write_file_atomically(folder / "loop", ""); }).find("loop: expected a file that can be written") !=
        std::string::npos);
  CHECK(std::filesystem::is_symlink(folder / "loop"));
  CHECK(read_file(folder / "real.txt") == "new");
  mode_t const mask = ::umask(0);
  ::umask(mask);
  CHECK(static_cast<mode_t>(std::filesystem::status(folder / "real.txt").permissions()) == (0666 & ~mask));
}

TEST_CASE("a full disk is one sentence, the old file stays, nothing is left beside") {
  ::scratch folder;
  auto const path = folder / "a.bin";
  write_file_atomically(path, "old");
  std::string const large(200'000, 'x');
  {
    limited_files const limit(100'000);
    CHECK(sentence([&] { write_file_atomically(path, large); }) ==
          path.string() + ": expected room on the disk, found a file larger than the system allows");
    // Through the stream too, and swallowing the error does not turn the stump into a file.
    atomic_file file(path);
    CHECK(sentence([&] { file.stream() << large; }) != "nothing");
    CHECK(sentence([&] { file.commit(); }) == path.string() + ": expected every byte of it written, found a write that failed before");
  }
  CHECK(read_file(path) == "old");
  CHECK(folder.entries() == 1);
  if (std::filesystem::exists("/dev/full"))
    CHECK(sentence([] { write_file_atomically("/dev/full", "x"); }) == "/dev/full: expected room on the disk, found a full disk");
}

TEST_CASE("places that cannot be written") {
  ::scratch folder;
  auto const at = [&](char const* name) { return (folder / name).string(); };
  write_file_atomically(folder / "file", "x");
  CHECK(sentence([&] { write_file_atomically(at("none/a"), "x"); }) ==
        at("none/a") + ": expected a folder to write into, found none at that place");
  CHECK(sentence([&] { write_file_atomically(at("file/a"), "x"); }) ==
        at("file/a") + ": expected a folder to write into, found none at that place");
  CHECK(sentence([&] { write_file_atomically(folder.path, "x"); }) == folder.path.string() + ": expected a file to write, found a folder");
  CHECK(sentence([&] { write_file_atomically("", "x"); }) == ": expected a folder to write into, found none at that place");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a pipe is written straight") {
  ::scratch folder;
  auto const path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  write_file_atomically(path, "through");
  char text[16];
  CHECK(std::string(text, static_cast<std::size_t>(::read(reader, text, sizeof text))) == "through");
  ::close(reader);
  CHECK(std::filesystem::is_fifo(path));
}
