#pragma once
// Processes that mpirun has started: MPI from its beginning to its end, who else there is, and what becomes of all when one ends.
//
//   mpi_processes all;
//   all.watch([&](process_end const& e) { all.end_all([&] { say(e.rank); }); });
//
// A process that ends too early is noticed by those on its machine (peer_watch.hpp) and on others (remote_watch.hpp): ended(..) is called in
// each. end_all(say), for that or for what went wrong here, ends them all, and one of them says why, however many fail and notice. Where
// machines cannot reach each other, unwatched() says why: then this holds on each machine by itself, and mpirun ends the others.
// One of a process; it outlives the communicators. Throws error where MPI cannot be had, and for what it refuses.
#include "frcnn/config.hpp"

#if FRCNN_HAS_MPI
#include "frcnn/core/error.hpp"
#include "frcnn/distributed/peer_watch.hpp"
#include "frcnn/distributed/remote_watch.hpp"

// The C interface alone: the C++ one, which the standard dropped, would have to be linked.
#if !defined(OMPI_SKIP_MPICXX)
#define OMPI_SKIP_MPICXX 1
#endif
#if !defined(MPICH_SKIP_MPICXX)
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed {

namespace detail {
inline void check_mpi(int code, char const* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw error(call, "MPI to do it", std::string(text, static_cast<std::size_t>(length)));
}
}  // namespace detail

// A process that has ended too early.
struct process_end {
  int rank = 0;
  bool machine_answers = true;  // false: it may be there, on a machine that is down or behind a network that is gone
};

// Of tests: processes of one machine that count as several.
struct mpi_test_machines {
  int count = 0;             // 0: the machines that there are
  bool have_sockets = true;  // false: as if they could not reach each other
};

class mpi_processes {
 public:
  explicit mpi_processes(mpi_test_machines const& of_tests = {}) {
    int given = MPI_THREAD_SINGLE;
    detail::check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given), "MPI_Init_thread");
    if (given < MPI_THREAD_SERIALIZED) throw error("MPI", "one that several threads may call in turn", "one for a single thread");
    detail::check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &all_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(all_, &rank_);
    MPI_Comm_size(all_, &size_);
    // Of this machine: a flag that all of them see, and their process ids.
    detail::check_mpi(MPI_Comm_split_type(all_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &here_), "MPI_Comm_split_type");
    if (of_tests.count > 0) {
      MPI_Comm_free(&here_);
      detail::check_mpi(MPI_Comm_split(all_, rank_ * of_tests.count / size_, rank_, &here_), "MPI_Comm_split");
    }
    MPI_Comm_rank(here_, &rank_here_);
    MPI_Comm_size(here_, &size_here_);
    void* memory = nullptr;
    detail::check_mpi(MPI_Win_allocate_shared(rank_here_ == 0 ? MPI_Aint{sizeof(flag)} : 0, 1, MPI_INFO_NULL, here_, &memory, &shared_),
                      "MPI_Win_allocate_shared");
    MPI_Aint bytes = 0;
    int unit = 0;
    detail::check_mpi(MPI_Win_shared_query(shared_, 0, &bytes, &unit, &memory), "MPI_Win_shared_query");
    if (rank_here_ == 0) new (memory) flag(0);
    said_ = static_cast<flag*>(memory);
    long const mine[2] = {rank_, static_cast<long>(::getpid())};
    std::vector<long> theirs(2 * static_cast<std::size_t>(size_here_));
    detail::check_mpi(MPI_Allgather(mine, 2, MPI_LONG, theirs.data(), 2, MPI_LONG, here_), "MPI_Allgather");
    for (std::size_t i = 0; i < theirs.size(); i += 2)
      if (theirs[i] != rank_) others_here_.push_back({static_cast<int>(theirs[i]), theirs[i + 1]});
    meet_other_machines(static_cast<int>(theirs[0]), of_tests.have_sockets);
  }
  mpi_processes(mpi_processes const&) = delete;
  mpi_processes& operator=(mpi_processes const&) = delete;
  // Every process comes here, or none: one that leaves alone calls end_all.
  ~mpi_processes() {
    watch_.reset();
    if (remote_) remote_->stop();
    MPI_Barrier(all_);
    remote_.reset();
    MPI_Win_free(&shared_);
    MPI_Comm_free(&here_);
    MPI_Comm_free(&all_);
    MPI_Finalize();
  }

  // ended(..) is called by a thread, at most once by each of the two watches. All of them come here.
  void watch(std::function<void(process_end const&)> const& ended) {
    watch_.emplace(others_here_, [ended](int rank) { ended({rank}); });
    if (!remote_) return;
    remote_->start([this] { return is_first_here(); },
                   [this, ended](int rank, remote_watch::end how) {
                     if (how == remote_watch::end::told) is_first_here();  // it is said
                     ended({rank, how != remote_watch::end::unanswered});
                   });
  }

  // Whether this process is one of several that mpirun, mpiexec or srun has started.
  static bool are_several() {
    for (char const* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
      if (char const* const n = std::getenv(name)) return std::atoi(n) > 1;
    return std::getenv("PMIX_RANK") != nullptr;  // srun --mpi=pmix tells the number to MPI_Init alone
  }

  int rank() const { return rank_; }
  int size() const { return size_; }
  int rank_here() const { return rank_here_; }  // on this machine, as size_here: which GPU is this process's
  int size_here() const { return size_here_; }
  bool are_on_several_machines() const { return std::ranges::count(first_there_, first_there_[0]) < size_; }
  std::string const& machine_of(int rank) const { return machine_[static_cast<std::size_t>(rank)]; }  // its name
  // The texts of all processes of this machine, in the order of rank_here(). All of them come here, and none has sums on their way; one that
  // is early waits asleep.
  std::vector<std::string> gather_here(std::string const& text) const {
    MPI_Request request;
    detail::check_mpi(MPI_Ibarrier(here_, &request), "MPI_Ibarrier");
    for (int there = 0;;) {
      detail::check_mpi(MPI_Test(&request, &there, MPI_STATUS_IGNORE), "MPI_Test");
      if (there != 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return gather(here_, text);
  }

  // Why other machines are not watched; empty: they are, or there are none.
  std::string const& unwatched() const { return unwatched_; }
  // Ends this process without waiting for the others, which end, too. From any thread. say() is called in one process of all, once.
  template <class Say>
  [[noreturn]] void end_all(Say const& say, int status = 1) {
    std::lock_guard const lock(ending_);  // for ever: no other thread cuts off what is said
    if (is_first_here() && (!remote_ || remote_->may_say())) say();
    if (remote_) remote_->leave();
    std::fflush(nullptr);
    ::_exit(status);
  }
  MPI_Comm all() const { return all_; }

 private:
  using flag = std::atomic<int>;
  static_assert(flag::is_always_lock_free);

  bool is_first_here() { return said_->exchange(1) == 0; }
  // The texts of all processes of a communicator, in the order of their ranks there.
  static std::vector<std::string> gather(MPI_Comm comm, std::string const& text) {
    constexpr std::size_t most = std::size_t{1} << 28;  // bytes of a call of MPI
    int rank = 0, size = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    std::vector<std::string> all(static_cast<std::size_t>(size));
    for (int from = 0; from < size; ++from) {
      std::string& one = all[static_cast<std::size_t>(from)];
      if (from == rank) one = text;
      unsigned long bytes = one.size();
      detail::check_mpi(MPI_Bcast(&bytes, 1, MPI_UNSIGNED_LONG, from, comm), "MPI_Bcast");
      one.resize(bytes);
      for (std::size_t at = 0; at < one.size(); at += most)
        detail::check_mpi(MPI_Bcast(one.data() + at, static_cast<int>(std::min(most, one.size() - at)), MPI_BYTE, from, comm), "MPI_Bcast");
    }
    return all;
  }

  // Who is where, and a connection from each process on another machine than process 0's to that one; all of them, or none.
  void meet_other_machines(int first_here, bool have_sockets) {
    first_there_.resize(static_cast<std::size_t>(size_));
    detail::check_mpi(MPI_Allgather(&first_here, 1, MPI_INT, first_there_.data(), 1, MPI_INT, all_), "MPI_Allgather");
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    detail::check_mpi(MPI_Get_processor_name(name, &length), "MPI_Get_processor_name");
    machine_ = gather(all_, std::string(name, static_cast<std::size_t>(length)));
    std::vector<int> remote;  // of process 0
    for (int r = 0; r < size_; ++r)
      if (first_there_[static_cast<std::size_t>(r)] != first_there_[0]) remote.push_back(r);
    if (remote.empty()) return;
    std::optional<tcp::listener> at;
    std::string text;
    auto const tried = [&](auto&& work) {
      try {
        work();
      } catch (error const& e) {
        unwatched_ = e.what();
      }
    };
    if (rank_ == 0)
      tried([&] {
        if (!have_sockets) throw error("the network", "sockets", "none (a test)");
        text = at.emplace(size_).text();
      });
    text = gather(all_, text)[0];
    bool const is_remote = first_here != first_there_[0];
    remote_watch::role const role{.speaks_for_0 = rank_ == remote[0], .others_are_with_0 = static_cast<int>(remote.size()) + 1 < size_};
    if (!text.empty() && (rank_ == 0 || is_remote))
      tried([&] { is_remote ? remote_.emplace(text, rank_, role) : remote_.emplace(*at, remote); });
    int met = !text.empty() && unwatched_.empty();
    detail::check_mpi(MPI_Allreduce(MPI_IN_PLACE, &met, 1, MPI_INT, MPI_MIN, all_), "MPI_Allreduce");
    if (met != 0) return;
    remote_.reset();
    if (unwatched_.empty()) unwatched_ = "the network: expected each process to reach process 0, found one that does not";
  }

  MPI_Comm all_ = MPI_COMM_NULL, here_ = MPI_COMM_NULL;
  MPI_Win shared_ = MPI_WIN_NULL;
  int rank_ = 0, size_ = 1, rank_here_ = 0, size_here_ = 1;
  flag* said_ = nullptr;
  std::vector<int> first_there_;      // of each process: the first one on its machine
  std::vector<std::string> machine_;  // and the name of that
  std::vector<peer_watch::peer> others_here_;
  std::string unwatched_;
  std::mutex ending_;
  std::optional<peer_watch> watch_;
  std::optional<remote_watch> remote_;
};

}  // namespace frcnn::inline FRCNN_ABI::distributed
FRCNN_HIDDEN_END
#endif
