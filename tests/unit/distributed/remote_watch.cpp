// Processes of this machine stand for those of several: connections are the same.
#include "frcnn/distributed/remote_watch.hpp"

#include "frcnn/core/error.hpp"

#include <doctest/doctest.h>

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <memory>

using namespace frcnn;
using namespace std::chrono_literals;
using distributed::remote_watch;

namespace {

using end = remote_watch::end;

distributed::remote_watch_options const quick{.patience = 1s, .to_connect = 10s};

// What a watch has said; said once, it stays.
struct heard {
  std::atomic<int> rank{-1}, times{0};
  std::atomic<end> how{end::told};
  std::atomic<bool> said{false};

  void listen_to(remote_watch& w) {
    w.start([this] { return !said.exchange(true); },
            [this](int r, end h) {
              how = h;
              rank = r;
              ++times;
            });
  }
  bool within(std::chrono::seconds patience) const {
    auto const deadline = std::chrono::steady_clock::now() + patience;
    while (times == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
    return times > 0;
  }
};

// Another process, which does the work and ends with its status. Where it leaves alone, as one that fails, it calls _exit itself.
class process {
 public:
  template <class Work>
  explicit process(Work work) : pid_(::fork()) {
    if (pid_ != 0) return;
    int status = 99;
    try {
      status = work();
    } catch (std::exception const&) {
    }
    ::_exit(status);
  }
  process(process const&) = delete;
  process& operator=(process const&) = delete;
  ~process() {
    if (!is_over_) signal(SIGKILL), status();
  }
  void signal(int which) const { ::kill(pid_, which); }
  int status() {
    int s = 0;
    ::waitpid(pid_, &s, 0);
    is_over_ = true;
    return WIFEXITED(s) ? WEXITSTATUS(s) : -1;
  }

 private:
  pid_t pid_;
  bool is_over_ = false;
};

int sleep_for_ever() {
  for (;;) ::pause();
}

// Process `rank`, which has gone to process 0.
struct other {
  remote_watch watch;
  heard of_0;
  other(std::string const& text, int rank, remote_watch::role const& as = {}) : watch(text, rank, as, quick) { of_0.listen_to(watch); }
};

bool set_loopback(bool up) {
  ifreq r{};
  r.ifr_name[0] = 'l', r.ifr_name[1] = 'o';
  distributed::tcp::descriptor const fd(::socket(AF_INET, SOCK_DGRAM, 0));
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &r) != 0) return false;
  r.ifr_flags = static_cast<short>(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &r) == 0;
}

}  // namespace

TEST_CASE("a process on another machine that is killed is noticed at once, one that is stopped is not dead") {
  distributed::tcp::listener const at(4);
  process three([text = at.text()] {
    other o(text, 3);
    return sleep_for_ever();
  });
  process five([text = at.text()] {
    other o(text, 5);
    return sleep_for_ever();
  });
  remote_watch watch(at, {3, 5}, quick);
  heard h;
  h.listen_to(watch);
  five.signal(SIGSTOP);
  CHECK_FALSE(h.within(3s));  // three times the patience
  five.signal(SIGCONT);
  three.signal(SIGKILL);
  CHECK(h.within(10s));
  CHECK(h.rank == 3);
  CHECK(h.how == end::seen);
  CHECK(watch.may_say());
}

TEST_CASE("the end of process 0 is said by one process of other machines, where nobody is with it") {
  distributed::tcp::listener const at(4);
  process zero([&at] {
    remote_watch watch(at, {1, 2, 3}, quick);
    watch.start([] { return true; }, [](int, end) {});
    return sleep_for_ever();
  });
  std::string const text = at.text();
  other first(text, 1, {.speaks_for_0 = true}), second(text, 2), third(text, 3, {.speaks_for_0 = true, .others_are_with_0 = true});
  zero.signal(SIGKILL);
  for (auto const* o : {&first, &second, &third}) {
    CHECK(o->of_0.within(10s));
    CHECK(o->of_0.rank == 0);
    CHECK(o->of_0.how == end::seen);
  }
  CHECK(first.watch.may_say());
  CHECK_FALSE(second.watch.may_say());
  CHECK_FALSE(third.watch.may_say());  // those on the machine of process 0 do
}

TEST_CASE("of all processes one may say why they end, and the others are told") {
  distributed::tcp::listener const at(4);
  std::string const text = at.text();
  auto const asks = [&](int rank) {
    return [text, rank]() -> int {
      other o(text, rank);
      bool const may = o.watch.may_say();
      o.watch.leave();
      ::_exit(may ? 10 : 11);
    };
  };
  process waits([&] {
    other o(text, 1);
    return o.of_0.within(10s) && o.of_0.how == end::told ? 12 : 13;
  });
  process first(asks(2)), second(asks(3));
  remote_watch watch(at, {1, 2, 3}, quick);
  heard h;
  h.listen_to(watch);
  CHECK(h.within(10s));
  CHECK((h.rank == 2 || h.rank == 3));
  CHECK(h.how == end::told);
  CHECK(h.said);
  watch.leave();
  CHECK(first.status() + second.status() == 10 + 11);
  CHECK(waits.status() == 12);
}

TEST_CASE("a process that leaves because another of its machine speaks is not taken for one that has crashed") {
  distributed::tcp::listener const at(4);
  std::string const text = at.text();
  process leaves([&]() -> int {
    other o(text, 1);
    o.watch.leave();
    ::_exit(0);
  });
  process stays([&] {
    other o(text, 2);
    return sleep_for_ever();
  });
  remote_watch watch(at, {1, 2}, quick);
  heard h;
  h.listen_to(watch);
  CHECK(leaves.status() == 0);
  CHECK_FALSE(h.within(1s));
  stays.signal(SIGKILL);
  CHECK(h.within(10s));
  CHECK(h.rank == 2);
}

TEST_CASE("an end behind a farewell is no news, whoever is first") {
  for (bool const zero_first : {true, false}) {
    distributed::tcp::listener const at(4);
    std::string const text = at.text();
    std::unique_ptr<other> one, two;
    std::thread comes([&] { one = std::make_unique<other>(text, 1), two = std::make_unique<other>(text, 2); });
    auto watch = std::make_unique<remote_watch>(at, std::vector<int>{1, 2}, quick);
    comes.join();
    heard h;
    h.listen_to(*watch);
    if (zero_first) {
      watch.reset();
      CHECK_FALSE(one->of_0.within(1s));
      CHECK(two->of_0.times == 0);
    } else {
      one.reset();
      two.reset();
      CHECK_FALSE(h.within(1s));
    }
  }
}

TEST_CASE("who does not come in time, does not answer, or does not know the secret is refused") {
  distributed::tcp::listener const at(4);
  std::string const text = at.text();
  process stranger([text] {
    std::string wrong = text;
    wrong[0] = wrong[0] == '1' ? '2' : '1';
    try {
      distributed::tcp::connect(wrong, 1, distributed::tcp::clock::now() + 2s);
    } catch (error const&) {
      return 5;
    }
    return 6;
  });
  CHECK_THROWS_WITH_AS(remote_watch(at, {1, 4}, {.to_connect = 2s}),
                       "the network: expected a connection of each process on another machine within 2 s, found none of process 1", error);
  CHECK(stranger.status() == 5);
  std::string where;
  {
    distributed::tcp::listener const gone(1);
    where = gone.text();
  }
  CHECK_THROWS_AS(remote_watch(where, 1, {}, quick), error);
}

TEST_CASE("a machine that does not answer any more is noticed") {
  // A process with a network of its own, which it then takes down.
  process alone([] {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || !set_loopback(true)) return 77;
    distributed::tcp::listener const at(4);
    std::unique_ptr<other> one;
    std::thread comes(
        [&] { one = std::make_unique<other>(at.text(), 1, remote_watch::role{.speaks_for_0 = true, .others_are_with_0 = true}); });
    remote_watch watch(at, {1}, quick);
    comes.join();
    heard h;
    h.listen_to(watch);
    if (h.within(2s)) return 1;  // both answer, and say nothing
    if (!set_loopback(false)) return 2;
    if (!h.within(10s) || h.rank != 1 || h.how != end::unanswered) return 3;
    if (!one->of_0.within(10s) || one->of_0.how != end::unanswered || !one->watch.may_say()) return 4;
    return 0;
  });
  int const status = alone.status();
  if (status == 77) MESSAGE("skipped: this user may not have a network of its own");
  else CHECK(status == 0);
}
