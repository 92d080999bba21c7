#pragma once
// One training by the processes that mpirun has started: who of them speaks, writes and fails. Without mpirun there is one process, and
// nothing of this is felt.
//
//   process 0    prints, writes files, and saves checkpoints
//   images       each decodes its share of them for the check, and for the statistics of pixels
//   batch        --batch is that of all processes together; not given, it is the preset's for each
//   rate         where the batch is N times the preset's because --batch was not given, the rate is N times the preset's, and warm-up and the
//                preset's number of steps are divided by N: they see as many images (Goyal et al. 2017, "linear scaling")
//   failures     a process that fails says so and ends; mpirun ends the others. One that is killed is named by another of its machine
#include "console.hpp"

#include <frcnn/backend/cpu.hpp>
#include <frcnn/concepts/communicator.hpp>
#include <frcnn/io/checkpoint_dir.hpp>
#include <frcnn/io/safetensors.hpp>
#include <frcnn/mpi.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace console {

class processes {
 public:
  // What MPI cannot do is said, and ends this process: there is nothing to wait for the others with.
  processes() {
    if (auto const fault = fault_of([&] { start(); }); !fault.empty()) {
      fail(fault);
      std::fflush(nullptr);
      ::_exit(1);
    }
  }

  // A build without MPI under mpirun would be as many runs, each in the others' way.
  void check() const {
#if !FRCNN_HAS_MPI
    for (char const* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
      if (char const* const n = std::getenv(name); n && std::atoi(n) > 1)
        throw frcnn::error("mpirun", "a build with MPI (FRCNN_MPI=ON; Debian: libopenmpi-dev)", "one without");
#endif
  }

  int size() const { return erased_ ? erased_->size() : 1; }
  int rank() const { return erased_ ? erased_->rank() : 0; }
  bool are_several() const { return size() > 1; }
  bool is_first() const { return rank() == 0; }
  // Of the host's memory; null for one process alone. Steps on GPUs: shared_device.hpp.
  frcnn::any_communicator<frcnn::cpu>* communicator() { return are_several() ? &*erased_ : nullptr; }
#if FRCNN_HAS_MPI
  // Where there are several: the communicator itself, and its context.
  frcnn::distributed::mpi_communicator<frcnn::cpu>& by_mpi() { return *sums_; }
  frcnn::cpu::context& host() { return context_; }
#endif
  // Of the processes of this machine: which this is, and how many there are.
  int rank_here() const {
#if FRCNN_HAS_MPI
    if (mpi_) return mpi_->rank_here();
#endif
    return 0;
  }
  int size_here() const {
#if FRCNN_HAS_MPI
    if (mpi_) return mpi_->size_here();
#endif
    return 1;
  }
  // The texts of all of them. All come to it.
  std::vector<std::string> gather_here(std::string const& text) const {
#if FRCNN_HAS_MPI
    if (mpi_) return mpi_->gather_here(text);
#endif
    return {text};
  }
  // From any thread: ends all processes, and says why once.
  [[noreturn]] void end_all([[maybe_unused]] std::string const& why) {
#if FRCNN_HAS_MPI
    if (mpi_->is_first_to_say()) says = true, fail(why);
#endif
    leave(1);
  }

  // Threads of each where nobody says: those that mpirun has bound it to, or an equal part of the machine's.
  int threads(int told) const {
#if FRCNN_HAS_MPI
    if (told == 0 && are_several()) {
      int const mine = static_cast<int>(std::thread::hardware_concurrency()), all = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
      return std::max(1, mine < all ? mine : all / mpi_->size_here());
    }
#endif
    return told;
  }

  void barrier() {
    if (erased_) erased_->barrier();
  }
  // values[i] becomes its sum over all of them.
  void sum(std::span<double> values) {
    if (!erased_) return;
    erased_->sum(context_, values);
    erased_->settle(context_);
  }
  // Whether a signal has reached any of them; all have it then, and end with its status.
  bool interrupted() {
    double const here = console::interrupted, sum = total(here);
    if (sum == 0) return false;
    double const count = total(here > 0), squares = total(here * here);
    int none = 0;  // where they had several, none of them speaks for all
    if (here == 0) told_of_interrupt = true;
    console::interrupted.compare_exchange_strong(none, squares * count == sum * sum ? static_cast<int>(sum / count) : SIGTERM);
    return true;
  }
  // Throws where not all have the same number.
  void check_equal(std::uint32_t number, char const* what) {
    if (total(number) != static_cast<double>(number) * size())
      throw frcnn::error(name(rank()), std::string("the same ") + what + " as the others", "others");
  }

  // Runs work(); what it throws is said once, with the name of the process, and ends all.
  template <class Work>
  int guarded(Work&& work) {
    if (!are_several()) return work();
    int status = 1;
    auto const until_interrupted = [&] {
      try {
        status = work();
      } catch (interruption const&) {
        say("\nstopped");
        leave(interrupted_status());
      }
    };
    if (auto const fault = fault_of(until_interrupted); !fault.empty()) end_all(name(rank()) + ": " + fault);
    return status;
  }
  // Ends this process without waiting for the others; mpirun ends them.
  [[noreturn]] void leave(int status) {
#if FRCNN_HAS_MPI
    if (mpi_) mpi_->is_first_to_say();  // or they would say that this one crashed
#endif
    std::fflush(nullptr);
    ::_exit(status);
  }

 private:
  void start() {
#if FRCNN_HAS_MPI
    if (!frcnn::distributed::mpi_processes::are_several()) return;
    mpi_.emplace([this](int rank) {
      for (int i = 0; i < 1000 && !is_made_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (!is_made_) ::_exit(1);  // it cannot even be said
      end_all(frcnn::error(name(rank), "to train to the end",
                           "its end (killed, or crashed); checkpoints are whole, --resume goes on from the last")
                  .what());
    });
    sums_.emplace(*mpi_);
    erased_.emplace(*sums_);
    says = rank() == 0;
    is_made_ = true;
    catch_interrupts();  // mpirun's too, which would end this process before it has named the one that failed
#endif
  }
  std::string name(int rank) const { return fmt::format("process {} of {}", rank, size()); }
  double total(double here) {
    sum({&here, 1});
    return here;
  }

#if FRCNN_HAS_MPI
  std::atomic<bool> is_made_{false};  // the rest, for the watch over the others
  std::optional<frcnn::distributed::mpi_processes> mpi_;
  std::optional<frcnn::distributed::mpi_communicator<frcnn::cpu>> sums_;
  std::optional<frcnn::communicator_ref<frcnn::distributed::mpi_communicator<frcnn::cpu>>> erased_;
#else
  std::optional<frcnn::communicator_ref<frcnn::null_communicator<frcnn::cpu>>> erased_;
#endif
  frcnn::cpu::context context_{1};
};

// What a run on several processes was begun with, as its checkpoint has it, and how a run goes on from it with as many or others.
class process_history {
 public:
  // last: of a run that is resumed.
  process_history(std::optional<frcnn::io::checkpoint> const& last, int processes) : now_(processes), times_(last ? 1 : processes) {
    if (!last) return;
    frcnn::io::safetensors_file const state(last->path / "state.safetensors");
    auto const of = [&](char const* key) {
      auto const found = state.metadata().find(std::string("argument ") + key);
      return found == state.metadata().end() ? std::string() : found->second;
    };
    then_ = of(processes_key), threads_then_ = of("--threads"), times_text_ = of(times_key);
    if (!times_text_.empty()) times_ = std::max(1, std::atoi(times_text_.c_str()));
  }

  // The rule above.
  template <class Defaults>
  Defaults scaled(Defaults d) const {
    auto const divided = [&](std::int64_t n) { return (n + times_ - 1) / times_; };
    d.batch *= times_;
    d.rate.lr *= times_;
    d.rate.warmup = divided(d.rate.warmup);
    d.rate.steps = divided(d.rate.steps);
    return d;
  }
  // Says what the rule has made of the preset's `d`. lr: the run's; lr_told, steps_told: options stand in place of the preset's.
  template <class Defaults>
  void say_scaled(Defaults const& d, double lr, bool lr_told, bool steps_told) const {
    if (times_ == 1) return;
    auto text = fmt::format("the processes' batch: {} images, {} times the preset's; rate ", d.batch * times_, times_);
    text += lr_told ? fmt::format("{:g}, as --lr says", lr) : fmt::format("{:g} x {}", d.rate.lr, times_);
    if (d.rate.warmup > 0) text += fmt::format("; warm-up {} / {}", d.rate.warmup, times_);
    if (d.rate.steps > 0 && !steps_told) text += fmt::format("; iterations {} / {}", d.rate.steps, times_);
    say(text);
  }

  // Before a checkpoint is compared with these arguments: another number of processes is no other run, and may have other threads.
  void expect(std::map<std::string, std::string>& identity) const {
    if (!then_.empty()) identity[processes_key] = then_;
    if (!threads_then_.empty() && (then_.empty() ? "1" : then_) != std::to_string(now_)) identity["--threads"] = threads_then_;
    if (times_ > 1) identity[times_key] = std::to_string(times_);
  }
  // For the checkpoints to come.
  void keep(std::map<std::string, std::string>& identity, int threads) const {
    identity["--threads"] = std::to_string(threads);
    if (now_ > 1) identity[processes_key] = std::to_string(now_);
    else identity.erase(processes_key);
    if (times_ > 1) identity[times_key] = std::to_string(times_);
    if (std::string const then = then_.empty() ? "1" : then_; !threads_then_.empty() && then != std::to_string(now_))
      say(fmt::format("a run of {} process(es) goes on with {}: equal within rounding, not in every bit", then, now_));
  }

 private:
  static constexpr char const *processes_key = "processes", *times_key = "times the preset's batch";
  int now_, times_;
  std::string then_, threads_then_, times_text_;
};

}  // namespace console
