#include "frcnn/io/checkpoint_dir.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "scratch.hpp"

using namespace frcnn::io;
namespace fs = std::filesystem;

namespace {

// A checkpoint of two files; `mark` tells two of the same step apart.
void write(checkpoint_dir const& runs, std::uint64_t step, std::string const& mark = "") {
  runs.write(step, [&](fs::path const& folder) {
    write_file_atomically(folder / "weights", "weights of " + std::to_string(step) + mark);
    write_file_atomically(folder / "state", std::string(5000, static_cast<char>('a' + step % 26)));
  });
}
std::string weights(checkpoint const& c) { return read_file(c.path / "weights"); }
std::vector<std::uint64_t> steps(checkpoint_dir const& runs) {
  std::vector<std::uint64_t> found;
  for (auto const& c : runs.all()) found.push_back(c.step);
  return found;
}
using list = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("the newest is found, the last two are kept") {
  ::scratch folder;
  checkpoint_dir const runs(folder / "out/checkpoint");
  CHECK_FALSE(runs.latest());
  for (std::uint64_t const step : {0, 200, 400, 123456789}) {
    write(runs, step);
    REQUIRE(runs.latest());
    CHECK(runs.latest()->step == step);
    CHECK(weights(*runs.latest()) == "weights of " + std::to_string(step));
  }
  CHECK(steps(runs) == list{123456789, 400});
  CHECK(runs.latest()->path.filename() == "step-123456789");
  CHECK(fs::exists(folder / "out/checkpoint/step-00000400"));
  CHECK(std::distance(fs::directory_iterator(runs.root()), {}) == 2);

  checkpoint_dir const more(folder / "more", 3);
  for (std::uint64_t step = 1; step < 6; ++step) write(more, step);
  CHECK(steps(more) == list{5, 4, 3});
}

TEST_CASE("folders that are named by hand are said and left out; a file is no folder of checkpoints") {
  ::scratch folder;
  checkpoint_dir const runs(folder / "run");
  write(runs, 3);
  fs::copy(folder / "run/step-00000003", folder / "run/step-99");
  fs::copy(folder / "run/step-00000003", folder / "run/step-00000003 (copy)");
  write_file_atomically(folder / "run/step-notes.txt", "");
  std::vector<std::string> said;
  auto const found = runs.latest([&](std::string const& s) { said.push_back(s.substr(s.find("/run/"))); });
  CHECK((found && found->step == 3));
  std::ranges::sort(said);
  CHECK(said == std::vector<std::string>{
                    "/run/step-00000003 (copy): expected a checkpoint's name, as step-00000400, found another; this folder is left out",
                    "/run/step-99: expected a checkpoint's name, as step-00000400, found another; this folder is left out"});
  write(runs, 4), write(runs, 5);
  CHECK(fs::exists(folder / "run/step-99"));  // not ours to remove
  write_file_atomically(folder / "file", "");
  CHECK(sentence([&] { checkpoint_dir(folder / "file").latest(); }).find("file: expected a folder of checkpoints, found a file") !=
        std::string::npos);
}

TEST_CASE("a run that went back replaces what came after") {
  ::scratch folder;
  checkpoint_dir const runs(folder.path);
  write(runs, 200), write(runs, 400);
  write(runs, 400, " again");
  CHECK(steps(runs) == list{400, 200});
  CHECK(weights(*runs.latest()) == "weights of 400 again");
  write(runs, 300);
  CHECK(steps(runs) == list{300, 200});
}

TEST_CASE("spoiled bytes: the one before is taken, and said so") {
  auto const spoil = [](fs::path const& file, std::size_t at) {
    auto bytes = read_file(file);
    bytes.at(at) ^= 1;
    write_file_atomically(file, bytes);
  };
  std::vector<std::function<void(fs::path const&)>> const ways{
      [&](fs::path const& c) { spoil(c / "state", 4999); },
      [&](fs::path const& c) { spoil(c / "weights", 0); },
      [&](fs::path const& c) { fs::resize_file(c / "state", 4000); },
      [&](fs::path const& c) { fs::remove(c / "weights"); },
      [&](fs::path const& c) { fs::remove(c / "manifest"); },
      [&](fs::path const& c) { fs::resize_file(c / "manifest", 0); },
      [&](fs::path const& c) { fs::resize_file(c / "manifest", 10); },
      [&](fs::path const& c) { spoil(c / "manifest", 0); },
      [&](fs::path const& c) { spoil(c / "manifest", read_file(c / "manifest").size() - 1); },
  };
  for (auto const& way : ways) {
    ::scratch folder;
    checkpoint_dir const runs(folder.path);
    write(runs, 200), write(runs, 400);
    way(folder / "step-00000400");
    std::vector<std::string> said;
    auto const found = runs.latest([&](std::string const& text) { said.push_back(text); });
    REQUIRE(found);
    CHECK(found->step == 200);
    REQUIRE(said.size() == 1);
    CHECK(said[0].starts_with((folder / "step-00000400").string()));
    CHECK(said[0].ends_with("; this checkpoint is left out"));
    spoil(folder / "step-00000200/weights", 3);
    CHECK_FALSE(runs.latest());
    write(runs, 400);  // going on replaces the spoiled one
    CHECK(runs.latest()->step == 400);
  }
}

TEST_CASE("an error while writing leaves the checkpoints as they were") {
  ::scratch folder;
  checkpoint_dir const runs(folder.path);
  write(runs, 200);
  CHECK_THROWS_AS(runs.write(400, [](fs::path const&) { throw std::bad_alloc(); }), std::bad_alloc);
  CHECK(sentence([&] { runs.write(400, [](fs::path const& p) { write_file_atomically(p / "none/file", ""); }); }) ==
        (folder / "step-00000400.part/none/file").string() + ": expected a folder to write into, found none at that place");
  CHECK(sentence([&] { runs.write(400, [](fs::path const& p) { fs::create_directory(p / "folder"); }); }) ==
        (folder / "step-00000400.part/folder").string() + ": expected a plain file in a checkpoint, found something else");
  CHECK(folder.entries() == 1);
  CHECK(runs.latest()->step == 200);

  write_file_atomically(folder / "file", "");
  CHECK(sentence([&] { write(checkpoint_dir(folder / "file"), 1); }).starts_with((folder / "file").string()));
}

TEST_CASE("foreign names and torn folders are not checkpoints") {
  ::scratch folder;
  checkpoint_dir const runs(folder.path);
  write(runs, 7);
  for (auto const* name : {"step-7", "step-00000008.part", "step-0000000x", "step-00000009.tmp", "notes"})
    fs::create_directory(folder / name);
  CHECK(steps(runs) == list{7});
  CHECK(fs::exists(folder / "step-00000008.part"));  // reading removes nothing
  write(runs, 8);
  CHECK(steps(runs) == list{8, 7});
  CHECK_FALSE(fs::exists(folder / "step-00000008.part"));
  CHECK(fs::exists(folder / "notes"));
}

#if defined(__linux__)
// A child writes a checkpoint and is killed before each of its system calls in turn: between two of them nothing on the disk changes, so
// that is after each of them, too. Every time there must be one to load, the one before or the new, and the next write must go through and
// clean up.
TEST_CASE("kill -9 at any moment leaves a checkpoint that loads") {
  struct scenario {
    char const* name;
    list before;
    std::uint64_t step;
  };
  for (scenario const& run :
       {scenario{"a third", {200, 400}, 600}, scenario{"the same again", {400}, 400}, scenario{"back to 300", {200, 400}, 300}}) {
    CAPTURE(run.name);
    list const& before = run.before;
    std::uint64_t const step = run.step;
    std::string const fresh = "weights of " + std::to_string(step) + " new";
    int stops = 0, old = 0, renewed = 0;
    for (bool killed = true; killed;) {
      ::scratch folder;
      checkpoint_dir const runs(folder.path);
      for (auto const b : before) write(runs, b);
      pid_t const child = ::fork();
      if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        write(runs, step, " new");
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      if (!WIFSTOPPED(status)) {
        MESSAGE("skipped: processes may not be traced here");
        return;
      }
      killed = false;
      for (int k = 0; k <= stops && WIFSTOPPED(status); ++k) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
        ::waitpid(child, &status, 0);
      }
      if (WIFSTOPPED(status)) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        killed = true;
        stops += 2;  // a call stops the child where it begins and where it ends
      }
      CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));

      CAPTURE(stops);
      std::vector<std::string> said;
      auto const found = runs.latest([&](std::string const& text) { said.push_back(text); });
      REQUIRE(found);
      CHECK(said.empty());
      bool const is_new = weights(*found) == fresh;
      bool const is_old = found->step == before.back() && weights(*found) == "weights of " + std::to_string(before.back());
      CHECK((is_new || is_old));
      CHECK((killed || is_new));
      (is_new ? renewed : old) += 1;

      write(runs, step + 100);
      CHECK(runs.latest()->step == step + 100);
      CHECK(steps(runs).size() <= 2);
      for (auto const& item : fs::directory_iterator(folder.path)) CHECK(item.path().extension() != ".part");
    }
    CHECK(stops > 50);
    CHECK(old > 20);
    CHECK(renewed > 1);
  }
}
#endif
