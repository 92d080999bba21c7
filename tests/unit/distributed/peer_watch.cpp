#include "frcnn/distributed/peer_watch.hpp"

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>

using namespace frcnn;

#if defined(__linux__) && defined(SYS_pidfd_open)
TEST_CASE("the end of a process is noticed at once, and that of nobody is not") {
  auto const idle = [] {
    pid_t const pid = ::fork();
    if (pid == 0)
      for (;;) ::pause();
    return pid;
  };
  pid_t const first = idle(), second = idle();
  std::atomic<int> ended{-1};
  {
    distributed::peer_watch watch({{4, first}, {7, second}}, [&](int rank) { ended = rank; });
    if (watch.watched() == 2) {  // a kernel without pidfds watches nobody
      ::kill(second, SIGKILL);
      auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (ended < 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      CHECK(ended == 7);
    }
  }
  ended = -1;
  {
    distributed::peer_watch const watch({{4, first}}, [&](int rank) { ended = rank; });
  }
  CHECK(ended == -1);
  for (pid_t const p : {first, second}) ::kill(p, SIGKILL), ::waitpid(p, nullptr, 0);
}
#endif
