#include "console.hpp"

#include <fcntl.h>

#include <cmath>
#include <csignal>
#include <sstream>

namespace console {

void tell(std::string const& text) {
  if (says) std::fwrite(text.data(), 1, text.size(), stderr);  // fmt::print throws where nobody reads any more
}

void progress::operator()(std::string const& text, bool last) {
  auto const now = std::chrono::steady_clock::now();
  if (!last && now - shown_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10))) return;
  shown_ = now;
  if (terminal_) tell("\r\x1b[K" + text + (last ? "\n" : ""));
  else tell(text + '\n');
  std::fflush(stderr);
}

void progress::clear() const {
  if (terminal_) tell("\r\x1b[K"), std::fflush(stderr);
}

std::string pace::remaining(double done) const {
  double const left = done > start_ ? (total_ - done) / rate(done) : 0;
  return left >= 3600 ? fmt::format("{:.0f} h {:02.0f} min", std::floor(left / 3600), std::floor(left / 60) - 60 * std::floor(left / 3600))
                      : fmt::format("{:.0f}:{:02.0f}", std::floor(left / 60), std::floor(left - 60 * std::floor(left / 60)));
}

void warn(std::string const& sentence) { tell("warning: " + sentence + '\n'); }
void say(std::string const& sentence) { tell(sentence + '\n'); }
void fail(std::string const& sentence) { tell("error: " + sentence + '\n'); }

void catch_interrupts() {
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

namespace {

// A standard stream that the caller has closed is opened on nothing: its number would be that of the next file, and lines for people would
// be written into a model. Whoever writes to a closed standard output is told so, as before.
void occupy_closed_streams() {
  for (int const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace

int run(CLI::App& app, int argc, char** argv, std::function<int()> const& work) {
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
