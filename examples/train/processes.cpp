#include "processes.hpp"

#include <frcnn/io/safetensors.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace console {

processes::processes() {
  is_alone = false;
  if (auto const fault = fault_of([&] { start(); }); !fault.empty()) {
    fail(fault);
    std::fflush(nullptr);
    ::_exit(1);
  }
}

void processes::check() const {
#if !FRCNN_HAS_MPI
  if (started_with_others()) throw frcnn::error("mpirun", "a build with MPI (FRCNN_MPI=ON; Debian: libopenmpi-dev)", "one without");
#endif
}

int processes::rank_here() const {
#if FRCNN_HAS_MPI
  if (mpi_) return mpi_->rank_here();
#endif
  return 0;
}

int processes::size_here() const {
#if FRCNN_HAS_MPI
  if (mpi_) return mpi_->size_here();
#endif
  return 1;
}

std::vector<std::string> processes::gather_here(std::string const& text) const {
#if FRCNN_HAS_MPI
  if (mpi_) return mpi_->gather_here(text);
#endif
  return {text};
}

void processes::end_all([[maybe_unused]] std::string const& why, int status) {
#if FRCNN_HAS_MPI
  mpi_->end_all([&] { says = true, fail(why); }, status);
#endif
  leave(status);
}

std::string processes::name(int rank) const {
  auto const number = fmt::format("process {} of {}", rank, size());
#if FRCNN_HAS_MPI
  if (mpi_ && mpi_->are_on_several_machines()) return number + " on " + mpi_->machine_of(rank);
#endif
  return number;
}

int processes::threads(int told) const {
#if FRCNN_HAS_MPI
  if (told == 0 && are_several()) {
    int const mine = static_cast<int>(std::thread::hardware_concurrency()), all = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    return std::max(1, mine < all ? mine : all / mpi_->size_here());
  }
#endif
  return told;
}

void processes::sum(std::span<double> values) {
  if (!erased_) return;
  erased_->sum(context_, values);
  erased_->settle(context_);
}

bool processes::interrupted() {
  double const here = console::interrupted, sum = total(here);
  if (sum == 0) return false;
  double const count = total(here > 0), squares = total(here * here);
  int none = 0;  // where they had several, none of them speaks for all
  if (here == 0) told_of_interrupt = true;
  console::interrupted.compare_exchange_strong(none, squares * count == sum * sum ? static_cast<int>(sum / count) : SIGTERM);
  return true;
}

void processes::check_equal(std::uint32_t number, char const* what) {
  if (total(number) != static_cast<double>(number) * size())
    throw frcnn::error(name(rank()), std::string("the same ") + what + " as the others", "others");
}

void processes::leave(int status) {
#if FRCNN_HAS_MPI
  if (mpi_) mpi_->end_all([] {}, status);  // nothing of it is to be said
#endif
  std::fflush(nullptr);
  ::_exit(status);
}

void processes::start() {
#if FRCNN_HAS_MPI
  if (!frcnn::distributed::mpi_processes::are_several()) return;
  auto const number_of = [](char const* name) {
    char const* const n = std::getenv(name);
    return n ? std::atoi(n) : 0;
  };
  auto const ended = [this](frcnn::distributed::process_end const& e) {
    std::string const found = e.machine_answers ? "its end (killed, or crashed)" : "no answer from its machine (down, or its network is)";
    end_all(frcnn::error(name(e.rank), "to train to the end", found + "; checkpoints are whole, --resume goes on from the last").what(),
            console::interrupted == 0 ? 1 : interrupted_status());  // mpirun takes that of the first to end
  };
  mpi_.emplace(frcnn::distributed::mpi_test_machines{.count = number_of("FRCNN_TEST_MACHINES"),
                                                     .have_sockets = number_of("FRCNN_TEST_NO_SOCKETS") == 0});
  sums_.emplace(*mpi_);
  erased_.emplace(*sums_);
  says = rank() == 0;
  catch_interrupts();  // mpirun's too, which would end this process before it has named the one that failed
  mpi_->watch(ended);
  if (!mpi_->unwatched().empty()) warn("what ends a process on another machine is left to mpirun: " + mpi_->unwatched());
#endif
}

double processes::total(double here) {
  sum({&here, 1});
  return here;
}

process_history::process_history(std::optional<frcnn::io::checkpoint> const& last, int processes)
    : now_(processes), times_(last ? 1 : processes) {
  if (!last) return;
  frcnn::io::safetensors_file const state(last->path / "state.safetensors");
  auto const of = [&](char const* key) {
    auto const found = state.metadata().find(std::string("argument ") + key);
    return found == state.metadata().end() ? std::string() : found->second;
  };
  then_ = of(processes_key), threads_then_ = of("--threads"), times_text_ = of(times_key);
  if (!times_text_.empty()) times_ = std::max(1, std::atoi(times_text_.c_str()));
}

frcnn::presets::training_defaults process_history::scaled(frcnn::presets::training_defaults d) const {
  auto const divided = [&](std::int64_t n) { return (n + times_ - 1) / times_; };
  d.batch *= times_;
  d.rate.lr *= times_;
  d.rate.warmup = divided(d.rate.warmup);
  d.rate.steps = divided(d.rate.steps);
  return d;
}

void process_history::say_scaled(frcnn::presets::training_defaults const& d, double lr, bool lr_told, bool steps_told) const {
  if (times_ == 1) return;
  auto text = fmt::format("the processes' batch: {} images, {} times the preset's; rate ", d.batch * times_, times_);
  text += lr_told ? fmt::format("{:g}, as --lr says", lr) : fmt::format("{:g} x {}", d.rate.lr, times_);
  if (d.rate.warmup > 0) text += fmt::format("; warm-up {} / {}", d.rate.warmup, times_);
  if (d.rate.steps > 0 && !steps_told) text += fmt::format("; iterations {} / {}", d.rate.steps, times_);
  say(text);
}

void process_history::expect(std::map<std::string, std::string>& identity) const {
  if (!then_.empty()) identity[processes_key] = then_;
  if (!threads_then_.empty() && (then_.empty() ? "1" : then_) != std::to_string(now_)) identity["--threads"] = threads_then_;
  if (times_ > 1) identity[times_key] = std::to_string(times_);
}

void process_history::keep(std::map<std::string, std::string>& identity, int threads) const {
  identity["--threads"] = std::to_string(threads);
  if (now_ > 1) identity[processes_key] = std::to_string(now_);
  else identity.erase(processes_key);
  if (times_ > 1) identity[times_key] = std::to_string(times_);
  if (std::string const then = then_.empty() ? "1" : then_; !threads_then_.empty() && then != std::to_string(now_))
    say(fmt::format("a run of {} process(es) goes on with {}: equal within rounding, not in every bit", then, now_));
}

}  // namespace console
