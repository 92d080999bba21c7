#pragma once
// Processes that mpirun has started, and a Communicator of theirs. Component mpi: FRCNN_HAS_MPI is 1 where the build has it.
//
//   mpi_processes     MPI from here to its end; who else there is, and texts of those on this machine. One of a process; it outlives the
//                     communicators
//   mpi_communicator  sums, broadcasts and barriers on host memory
// Sums run in a second thread, so that backward goes on meanwhile. That thread first waits until every process has come to the same sum,
// asleep but for a look now and then, and then calls MPI's blocking sum, which all of them enter at once. (A blocking call would spin for
// the slowest process, on a core that computes; MPI_Iallreduce goes on only while somebody calls MPI, which backward does not.) Two
// threads, never both in MPI: MPI_THREAD_SERIALIZED will do.
//
// A process that ends too early: the others on its machine notice at once (peer_watch.hpp) and ended(rank) is called; mpirun ends those on
// other machines. is_first_to_say() is true for one process of a machine, once: so one sentence is said, whoever fails and notices.
// Throws error where MPI cannot be had, and for what it refuses.
#include "frcnn/config.hpp"

#if FRCNN_HAS_MPI
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/distributed/background.hpp"
#include "frcnn/distributed/peer_watch.hpp"

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
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
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

class mpi_processes {
 public:
  explicit mpi_processes(std::function<void(int rank)> ended) {
    int given = MPI_THREAD_SINGLE;
    detail::check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given), "MPI_Init_thread");
    if (given < MPI_THREAD_SERIALIZED) throw error("MPI", "one that several threads may call in turn", "one for a single thread");
    detail::check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &all_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(all_, &rank_);
    MPI_Comm_size(all_, &size_);
    // Of this machine: a flag that all of them see, and their process ids.
    detail::check_mpi(MPI_Comm_split_type(all_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &here_), "MPI_Comm_split_type");
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
    std::vector<peer_watch::peer> others;
    for (std::size_t i = 0; i < theirs.size(); i += 2)
      if (theirs[i] != rank_) others.push_back({static_cast<int>(theirs[i]), theirs[i + 1]});
    watch_.emplace(others, std::move(ended));
  }
  mpi_processes(mpi_processes const&) = delete;
  mpi_processes& operator=(mpi_processes const&) = delete;
  // Every process comes here, or none: one that leaves alone calls _exit.
  ~mpi_processes() {
    watch_.reset();
    MPI_Barrier(all_);
    MPI_Win_free(&shared_);
    MPI_Comm_free(&here_);
    MPI_Comm_free(&all_);
    MPI_Finalize();
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
  // The texts of all processes of this machine, in the order of rank_here(). All of them come here, and none has sums on their way; whoever
  // is early waits asleep.
  std::vector<std::string> gather_here(std::string const& text) const {
    MPI_Request request;
    detail::check_mpi(MPI_Ibarrier(here_, &request), "MPI_Ibarrier");
    for (int there = 0;;) {
      detail::check_mpi(MPI_Test(&request, &there, MPI_STATUS_IGNORE), "MPI_Test");
      if (there != 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    constexpr std::size_t most = std::size_t{1} << 28;  // bytes of a call of MPI
    std::vector<std::string> all(static_cast<std::size_t>(size_here_));
    for (int from = 0; from < size_here_; ++from) {
      std::string& one = all[static_cast<std::size_t>(from)];
      if (from == rank_here_) one = text;
      unsigned long size = one.size();
      detail::check_mpi(MPI_Bcast(&size, 1, MPI_UNSIGNED_LONG, from, here_), "MPI_Bcast");
      one.resize(size);
      for (std::size_t at = 0; at < one.size(); at += most)
        detail::check_mpi(MPI_Bcast(one.data() + at, static_cast<int>(std::min(most, one.size() - at)), MPI_BYTE, from, here_),
                          "MPI_Bcast");
    }
    return all;
  }
  bool is_first_to_say() const { return said_->exchange(1) == 0; }
  MPI_Comm all() const { return all_; }

 private:
  using flag = std::atomic<int>;
  static_assert(flag::is_always_lock_free);

  MPI_Comm all_ = MPI_COMM_NULL, here_ = MPI_COMM_NULL;
  MPI_Win shared_ = MPI_WIN_NULL;
  int rank_ = 0, size_ = 1, rank_here_ = 0, size_here_ = 1;
  flag* said_ = nullptr;
  std::optional<peer_watch> watch_;
};

template <Backend B>
requires(B::in_host_memory) class mpi_communicator {
 public:
  using device = B;
  using context = typename B::context;

  explicit mpi_communicator(mpi_processes& processes) : processes_(processes) {}

  int rank() const { return processes_.rank(); }
  int size() const { return processes_.size(); }

  template <class T>
  void sum(context& c, std::span<T> range) {
    c.wait();
    if (range.size_bytes() <= small && behind_.is_idle()) return add_up(range);  // handing it over would take longer
    behind_.push([this, range] { add_up(range); });
  }
  void settle(context&) { behind_.wait(); }
  template <class T>
  void broadcast(context& c, std::span<T> range) {
    c.wait();
    behind_.wait();
    wait_for_all();
    in_parts(std::as_writable_bytes(range), [&](std::span<std::byte> part) {
      detail::check_mpi(MPI_Bcast(part.data(), static_cast<int>(part.size()), MPI_BYTE, 0, processes_.all()), "MPI_Bcast");
    });
  }
  void barrier() {
    behind_.wait();
    wait_for_all();
  }
  bool is_recordable() const { return false; }
  void check() const {}

 private:
  static constexpr std::size_t small = 4096, most = std::size_t{1} << 28;  // bytes; elements of a call of MPI

  template <class T, class F>
  static void in_parts(std::span<T> range, F f) {
    for (; !range.empty(); range = range.subspan(std::min(most, range.size()))) f(range.first(std::min(most, range.size())));
  }

  template <class T>
  void add_up(std::span<T> range) {
    wait_for_all();
    in_parts(range, [&](std::span<T> part) {
      detail::check_mpi(MPI_Allreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()),
                                      std::is_same_v<T, float> ? MPI_FLOAT : MPI_DOUBLE, MPI_SUM, processes_.all()),
                        "MPI_Allreduce");
    });
  }

  // Returns when all are here, asleep meanwhile: longer where the caller computes beside it.
  void wait_for_all() {
    using namespace std::chrono;
    MPI_Request request;
    detail::check_mpi(MPI_Ibarrier(processes_.all(), &request), "MPI_Ibarrier");
    auto const begin = steady_clock::now();
    for (int there = 0; there == 0;) {
      detail::check_mpi(MPI_Test(&request, &there, MPI_STATUS_IGNORE), "MPI_Test");
      if (there != 0) return;
      bool const beside = !behind_.is_idle() && !behind_.waited_for();
      if (!beside && steady_clock::now() - begin < microseconds(50)) std::this_thread::yield();
      else std::this_thread::sleep_for(beside ? microseconds(300) : microseconds(30));
    }
  }

  mpi_processes& processes_;
  background behind_;
};

}  // namespace frcnn::inline FRCNN_ABI::distributed
FRCNN_HIDDEN_END
#endif
