#include "frcnn/io/event_file.hpp"

#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/read_file.hpp"
#include "scratch.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

using namespace frcnn;
namespace fs = std::filesystem;

namespace {

// What TensorBoard's own writer made of the same events (tests/golden/events.py).
std::string golden(char const* name) { return io::read_file(fs::path(__FILE__).parent_path() / "../../golden" / name); }

}  // namespace

TEST_CASE("event_file: byte for byte what TensorBoard writes, a run and the run that resumes it") {
  scratch folder;
  double const start = 1700000000.25, again = 1700000100.5;
  {
    io::event_file events(folder.path / "tb", start);
    CHECK(events.path() == folder.path / "tb/events.out.tfevents.1700000000.frcnn");
    for (int const step : {0, 10, 20, 300}) {
      events.scalar("loss/total", 8 - static_cast<float>(step) / 64, step, start + step);
      events.scalar("lr", 0.1f - static_cast<float>(step) / 64, step, start + step);
    }
    events.flush();
    CHECK(io::read_file(events.path()) == golden("events.1"));
  }
  io::event_file events(folder.path / "tb", again, 20);
  events.scalar("loss/total", 1.5f, 20, again);
  events.scalar("loss/total", 1.25f, std::int64_t{1} << 40, again);
  events.flush();
  CHECK(io::read_file(events.path()) == golden("events.2"));
}

TEST_CASE("event_file: never writes over another; names sort by time") {
  scratch folder;
  io::event_file const a(folder.path, 1700000000), b(folder.path, 1700000000.9), c(folder.path, 1700000000), later(folder.path, 1700000001),
      long_ago(folder.path, 5);
  CHECK(b.path().filename() == "events.out.tfevents.1700000000.frcnn.1");
  CHECK(c.path().filename() == "events.out.tfevents.1700000000.frcnn.2");
  CHECK(long_ago.path().filename() == "events.out.tfevents.0000000005.frcnn");
  CHECK(long_ago.path() < a.path());
  CHECK(a.path() < b.path());
  CHECK(c.path() < later.path());
}

TEST_CASE("event_file: a folder that cannot be, and a disk that takes no more") {
  scratch folder;
  io::write_file_atomically(folder.path / "file", "");
  CHECK_THROWS_AS(io::event_file(folder.path / "file", 0), error);
  CHECK_THROWS_AS(io::event_file(folder.path / "file" / "below", 0), error);

  io::event_file events(folder.path, 0);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit const small{1000, before.rlim_max};
  auto const handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string complaint;
  try {
    for (int step = 0; step < 100; ++step) events.scalar("loss", 1, step, 0), events.flush();
  } catch (error const& e) {
    complaint = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(complaint.starts_with(events.path().string() + ": expected room on the disk, found a file"));
}
