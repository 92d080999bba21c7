#pragma once
// A Communicator of processes that mpirun has started. Component mpi: FRCNN_HAS_MPI is 1 where the build has it.
//
//   mpi_processes     MPI from here to its end; who else there is: distributed/mpi_processes.hpp
//   mpi_communicator  sums, broadcasts and barriers on host memory
// Sums run in a second thread, so that backward goes on meanwhile. That thread first waits until every process has come to the same sum,
// asleep but for a look now and then, and then calls MPI's blocking sum, which all of them enter at once. (A blocking call would spin for
// the slowest process, on a core that computes; MPI_Iallreduce goes on only while somebody calls MPI, which backward does not.) Two
// threads, never both in MPI: MPI_THREAD_SERIALIZED will do.
// Throws error for what MPI refuses.
#include "frcnn/config.hpp"

#if FRCNN_HAS_MPI
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/distributed/background.hpp"
#include "frcnn/distributed/mpi_processes.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed {

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
