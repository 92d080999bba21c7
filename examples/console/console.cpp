#include "console.hpp"

#include "outputs.hpp"

#include <CLI/CLI.hpp>
#include <frcnn/core/message.hpp>

#include <fcntl.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <span>
#include <sstream>
#include <string_view>
#include <vector>

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
  // The last three are what batch systems send before a job's time is over.
  for (int const asks : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGXCPU}) {
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
// be written into a model. A write to a closed standard output is an error, as before.
void occupy_closed_streams() {
  for (int const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace

namespace {

// Edits that make one word of another: letters put in, taken out, or changed.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const changed = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      row[j] = std::min({changed, row[j - 1] + 1, corner + 1});
    }
  }
  return row.back();
}

// "; --epochs is one": of an option that is not known, the nearest that is.
std::string nearest(CLI::App const& app, std::string const& unknown) {
  std::string const name = unknown.substr(0, unknown.find('='));
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  std::string best;
  auto groups = app.get_subcommands([](CLI::App const*) { return true; });
  groups.push_back(&app);
  for (auto const* group : groups)
    for (auto const* option : group->get_options())
      for (auto const& known : option->get_lnames())
        if (std::size_t const d = distance(name, "--" + known); d < least) least = d, best = "--" + known;
  return best.empty() ? std::string() : "; " + best + " is one";
}

// What is wrong with a command line, in a sentence: an option that is not known before what may be missing for it.
std::string fault_in(CLI::App const& app, CLI::ParseError const& e, std::span<char* const> words) {
  auto const is_flag = [&](std::string const& name) {
    auto const* const option = name.starts_with("--") ? app.get_option_no_throw(name) : nullptr;
    return option && option->get_expected_max() == 0;
  };
  auto const extra = app.remaining();
  auto const option = std::ranges::find_if(extra, [](auto const& word) { return word.starts_with("-"); });
  if (option == extra.end() && dynamic_cast<CLI::ExtrasError const*>(&e) == nullptr) {
    std::string const text = e.what();
    if (auto const many = text.find(": At Most 1 required but received "); many != text.npos)
      return text.substr(0, many) + ": expected it once, found it several times";
    for (char const* word : words)  // --resume=run
      if (std::string const given = word; given.find('=') != given.npos && is_flag(given.substr(0, given.find('='))))
        return given.substr(0, given.find('=')) + ": expected no value, found " + frcnn::excerpt(given.substr(given.find('=') + 1), 255);
    return text;
  }
  if (option != extra.end()) return *option + ": expected an option of this program (--help lists them" + nearest(app, *option) + ")";
  std::string const word = extra.empty() ? "" : extra.front();
  for (std::string_view dash : {"\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212"})  // as some editors make of hyphens
    if (word.starts_with(dash)) return frcnn::excerpt(word, 255) + ": expected an option, which begins with two hyphens (--), found a dash";
  for (std::size_t i = 1; i < words.size(); ++i)
    if (words[i] == word && is_flag(words[i - 1])) return words[i - 1] + (": expected no value, found " + frcnn::excerpt(word, 255));
  return frcnn::excerpt(word, 255) + ": expected an option before it";
}

// What the options of a command line are given, but for those that name a file or folder to write.
std::vector<std::string> words_to_read(CLI::App const& app) {
  constexpr std::string_view written[] = {"--out", "--to", "--json", "--csv", "--coco", "--xml", "--html", "--report"};
  std::vector<std::string> words;
  auto groups = app.get_subcommands([](CLI::App const*) { return true; });
  groups.push_back(&app);
  for (auto const* group : groups)
    for (auto const* option : group->get_options())
      if (std::ranges::find(written, option->get_name()) == std::end(written))
        words.insert(words.end(), option->results().begin(), option->results().end());
  return words;
}

}  // namespace

bool started_with_others() {
  for (char const* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (char const* const n = std::getenv(name); n && std::atoi(n) > 1) return true;
  return false;
}

int run(CLI::App& app, int argc, char** argv, std::function<int()> const& work) {
  occupy_closed_streams();
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    if (e.get_exit_code() != 0) return fail(fault_in(app, e, {argv, static_cast<std::size_t>(argc)})), 1;
    std::ostringstream nobody;
    return says ? app.exit(e) : app.exit(e, nobody, nobody);
  }
  remember_words(words_to_read(app));
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the system's limit is a write that fails, with a sentence
  int status = 1;
  try {
    auto const whole = [&] {
      if (is_alone && started_with_others())
        throw frcnn::error("mpirun", "train_voc, the one program that several processes share", app.get_name());
      status = work();
    };
    if (auto const fault = fault_of(whole); !fault.empty())
      return fail(fault), interrupted == SIGPIPE ? interrupted_status() : 1;  // which the fault says in other words
  } catch (interruption const& left) {
    say("\nstopped" + (left.after.empty() ? "" : " after " + left.after) + "; files that are there are whole");
    return interrupted_status();
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return fail(frcnn::error("standard output", "a place that takes every line", "one that does not").what()), 1;
  return interrupted != 0 ? interrupted_status() : status;
}

int run(char const* about, int argc, char** argv, std::function<void(CLI::App&)> const& declare, std::function<int()> const& work) {
  CLI::App app(about);
  declare(app);
  return run(app, argc, argv, work);
}

}  // namespace console
