#pragma once
// What the programs share: a progress line, and how errors and Ctrl-C end them. A signal is answered between two pieces of work, of which
// an image is one. What is whole by then is written: after the last image what was made of all is finished (files, scores), and only what
// comes behind is left out. The exit status is the signal's in either case. Where stderr has gone away, what would be said there is dropped:
// nothing fails for want of a listener.
#include "cli_names.hpp"

#include <fmt/format.h>
#include <frcnn/core/error.hpp>

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>

namespace console {

// Of several processes that run one program, one speaks.
inline bool says = true;
// Whether this program does its whole work in each of the processes that mpirun starts, which is refused: train_voc alone shares it.
inline bool is_alone = true;
bool started_with_others();

// Writes to stderr, where this process speaks.
void tell(std::string const& text);

// On a terminal one line that is written over; in a pipe a line now and then.
class progress {
 public:
  void operator()(std::string const& text, bool last = false);
  // Before a line on stdout, which may be the same terminal.
  void clear() const;

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::chrono::steady_clock::time_point shown_{};
};

// Rate and remaining time of `total` things.
class pace {
 public:
  explicit pace(double total, double done = 0) : total_(total), start_(done) {}
  double rate(double done) const { return (done - start_) / std::max(seconds(), 1e-9); }
  std::string remaining(double done) const;

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  double total_, start_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

void warn(std::string const& sentence);
void say(std::string const& sentence);
void fail(std::string const& sentence);

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
void catch_interrupts();

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

// Runs a program: its options, its work, and one sentence with status 1 for whatever went wrong, or with that of the signal for an
// interruption: by then destructors have removed what was not whole. Work that a signal came too late for is done, with that status.
int run(CLI::App& app, int argc, char** argv, std::function<int()> const& work);
// about: what the program does; declare: adds its options.
int run(char const* about, int argc, char** argv, std::function<void(CLI::App&)> const& declare, std::function<int()> const& work);

}  // namespace console
