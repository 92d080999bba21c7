#pragma once
// What the programs share: a progress line, and how errors and Ctrl-C end them. A signal is answered between two pieces of work, of which
// an image is one. What is whole by then is written: after the last image what was made of all is finished (files, scores), and only what
// comes behind is left out. The exit status is the signal's in either case. Where stderr has gone away, what would be said there is dropped:
// nothing fails for want of a listener.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <frcnn/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <new>
#include <sstream>
#include <string>
#include <utility>

namespace console {

// Of several processes that run one program, one speaks.
inline bool says = true;

template <class... Arguments>
void tell(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  if (!says) return;
  std::string const said = fmt::format(text, std::forward<Arguments>(arguments)...);
  std::fwrite(said.data(), 1, said.size(), stderr);  // fmt::print throws where nobody reads any more
}

// On a terminal one line that is written over; in a pipe a line now and then.
class progress {
 public:
  void operator()(std::string const& text, bool last = false) {
    auto const now = std::chrono::steady_clock::now();
    if (!last && now - shown_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10))) return;
    shown_ = now;
    if (terminal_) tell("\r\x1b[K{}{}", text, last ? "\n" : "");
    else tell("{}\n", text);
    std::fflush(stderr);
  }
  // Before a line on stdout, which may be the same terminal.
  void clear() const {
    if (terminal_) tell("\r\x1b[K"), std::fflush(stderr);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::chrono::steady_clock::time_point shown_{};
};

// Rate and remaining time of `total` things.
class pace {
 public:
  explicit pace(double total, double done = 0) : total_(total), start_(done) {}
  double rate(double done) const { return (done - start_) / std::max(seconds(), 1e-9); }
  std::string remaining(double done) const {
    double const left = done > start_ ? (total_ - done) / rate(done) : 0;
    return left >= 3600
               ? fmt::format("{:.0f} h {:02.0f} min", std::floor(left / 3600), std::floor(left / 60) - 60 * std::floor(left / 3600))
               : fmt::format("{:.0f}:{:02.0f}", std::floor(left / 60), std::floor(left - 60 * std::floor(left / 60)));
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  double total_, start_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

inline void warn(std::string const& sentence) { tell("warning: {}\n", sentence); }
inline void say(std::string const& sentence) { tell("{}\n", sentence); }
inline void fail(std::string const& sentence) { tell("error: {}\n", sentence); }

// What went wrong in a piece of work, in a sentence; empty: nothing.
template <class Work>
std::string fault_of(Work&& work) {
  try {
    work();
    return {};
  } catch (std::bad_alloc const&) {
    return "expected enough memory, found too little";
  } catch (std::exception const& e) {
    return e.what();
  }
}

// Pieces of work that do not depend on each other: each is tried, whatever became of those before.
class attempts {
 public:
  template <class Work>
  void operator()(Work&& work) {
    if (auto const fault = fault_of(work); !fault.empty()) fail(fault), status_ = 1;
  }
  int status() const { return status_; }  // of the program

 private:
  int status_ = 0;
};

// The first signal that asked for an end, or 0: Ctrl-C, kill (docker stop, schedulers), a terminal that closed, and a pipe that nobody
// reads any more. A second Ctrl-C ends the program at once; the others may come twice without a user's doing, and never do. What nohup
// ignores stays ignored.
inline std::atomic<int> interrupted{0};
static_assert(std::atomic<int>::is_always_lock_free);
inline int interrupted_status() { return 128 + interrupted; }
// Set where `interrupted` was told by another process: the same Ctrl-C may still come here, and is no second one.
inline std::atomic<bool> told_of_interrupt{false};
static_assert(std::atomic<bool>::is_always_lock_free);
inline void catch_interrupts() {
  for (int const asks : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    struct sigaction before {};
    if (asks != SIGINT && sigaction(asks, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    std::signal(asks, [](int which) {
      int none = 0;
      if (interrupted.compare_exchange_strong(none, which) || which != SIGINT) return;
      if (!told_of_interrupt.exchange(false)) _exit(128 + which);
    });
  }
}

// Where work is left when a signal has come in the middle of it. No std::exception: it is nobody's fault.
struct interruption {
  std::string after{};  // what was done: "3 of 10 images"
};
inline void stop_if_interrupted() {
  if (interrupted != 0) throw interruption();
}
// After `done` of `all` pieces of work; after the last one their result is whole, and is finished.
inline void stop_between(std::size_t done, std::size_t all) {
  if (done < all) stop_if_interrupted();
}

// A standard stream that the caller has closed is opened on nothing: its number would be that of the next file, and lines for people would
// be written into a model. Whoever writes to a closed standard output is told so, as before.
inline void occupy_closed_streams() {
  for (int const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

// Runs a program: its options, its work, and one sentence with status 1 for whatever went wrong, or with that of the signal for an
// interruption: by then destructors have removed what was not whole. Work that a signal came too late for is done, with that status.
template <class Work>
int run(CLI::App& app, int argc, char** argv, Work&& work) {
  occupy_closed_streams();
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    std::ostringstream nobody;
    return (says ? app.exit(e) : app.exit(e, nobody, nobody)) == 0 ? 0 : 1;
  }
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the system's limit is a write that fails, with a sentence
  int status = 1;
  try {
    if (auto const fault = fault_of([&] { status = work(); }); !fault.empty())
      return fail(fault), interrupted == SIGPIPE ? interrupted_status() : 1;  // which the fault says in other words
  } catch (interruption const& left) {
    say("\nstopped" + (left.after.empty() ? "" : " after " + left.after) + "; files that are there are whole");
    return interrupted_status();
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return fail(frcnn::error("standard output", "a place that takes every line", "one that does not").what()), 1;
  return interrupted != 0 ? interrupted_status() : status;
}

}  // namespace console
