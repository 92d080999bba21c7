#pragma once
// One training by the processes that mpirun has started: who of them speaks, writes and fails. Without mpirun there is one process, and
// nothing of this is felt.
//
//   process 0    prints, writes files, and saves checkpoints
//   images       each decodes its share of them for the check, and for the statistics of pixels
//   batch        --batch is that of all processes together; not given, it is the preset's for each
//   rate         where the batch is N times the preset's because --batch was not given, the rate is N times the preset's, and warm-up and the
//                preset's number of steps are divided by N: they see as many images (Goyal et al. 2017, "linear scaling")
//   failures     a process that fails says so and ends; the others end with it. One that is killed, or whose machine does not answer any more,
//                is named by another. FRCNN_TEST_MACHINES=2, of tests: the processes of this machine count as those of two, and with
//                FRCNN_TEST_NO_SOCKETS=1 these cannot reach each other
#include "../console/console.hpp"

#include <frcnn/backend/cpu.hpp>
#include <frcnn/concepts/communicator.hpp>
#include <frcnn/io/checkpoint_dir.hpp>
#include <frcnn/mpi.hpp>
#include <frcnn/presets/training_defaults.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace console {

class processes {
 public:
  // What MPI cannot do is said, and ends this process: there is nothing to wait for the others with.
  processes();

  // A build without MPI under mpirun would be as many runs, each in the others' way.
  void check() const;

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
  int rank_here() const;
  int size_here() const;
  // The texts of all of them. All come to it.
  std::vector<std::string> gather_here(std::string const& text) const;
  // From any thread: ends all processes, this one with that status, and says why once.
  [[noreturn]] void end_all(std::string const& why, int status = 1);

  // Threads of each where nobody says: those that mpirun has bound it to, or an equal part of the machine's.
  int threads(int told) const;

  void barrier() {
    if (erased_) erased_->barrier();
  }
  // values[i] becomes its sum over all of them.
  void sum(std::span<double> values);
  // Whether a signal has reached any of them; all have it then, and end with its status.
  bool interrupted();
  // Throws where not all have the same number.
  void check_equal(std::uint32_t number, char const* what);

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
  // Ends this process without waiting for the others, which end, too.
  [[noreturn]] void leave(int status);

 private:
  void start();
  // "process 1 of 2", and where that says more, "on node-b".
  std::string name(int rank) const;
  double total(double here);

#if FRCNN_HAS_MPI
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
  process_history(std::optional<frcnn::io::checkpoint> const& last, int processes);

  // The rule above.
  frcnn::presets::training_defaults scaled(frcnn::presets::training_defaults d) const;
  // Says what the rule has made of the preset's `d`. lr: the run's; lr_told, steps_told: options stand in place of the preset's.
  void say_scaled(frcnn::presets::training_defaults const& d, double lr, bool lr_told, bool steps_told) const;

  // Before a checkpoint is compared with these arguments: another number of processes is no other run, and may have other threads.
  void expect(std::map<std::string, std::string>& identity) const;
  // For the checkpoints to come.
  void keep(std::map<std::string, std::string>& identity, int threads) const;

 private:
  static constexpr char const *processes_key = "processes", *times_key = "times the preset's batch";
  int now_, times_;
  std::string then_, threads_then_, times_text_;
};

}  // namespace console
