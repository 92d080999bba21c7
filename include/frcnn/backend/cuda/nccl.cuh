#pragma once
// NCCL's model of Communicator: sums between GPUs, one for each process, in a stream beside the context's (stream_sums.hpp). For files that
// nvcc compiles; component nccl of the CMake package.
//
// What NCCL needs to begin, an id that process 0 draws, goes through a communicator of the host, and barriers are that one's: mpirun has
// started the processes, and where one ends, the watch of MPI (distributed/mpi_processes.hpp) names it. NCCL itself notices a peer on another
// machine by its connection, and its own GPU's errors: that is told to `failed`, and thrown by the next call.
//
// NCCL's communicator is not blocking: each call returns, and is asked whether it has begun, for at most `patience`: a peer that does not
// come is an error, not an endless wait. Captured in a graph, sums are replayed; the graphs of the context go before the communicator does.
// A communicator that is destroyed by an exception aborts: it does not wait for the others.
//
// Example, of each process:
//   distributed::mpi_communicator<cpu> by_mpi(processes);       cpu::context host{1};
//   cuda::context c({.device = processes.rank_here()});         a GPU for each process of a machine
//   nccl_communicator sums(c, by_mpi, host, {.failed = [&](error const& e) { processes.end_all([&] { say(e.what()); }); }});
//   communicator_ref<nccl_communicator> others(sums);           t.share(others);
#include "frcnn/backend/cuda/graphs.cuh"
#include "frcnn/backend/cuda/stream_sums.hpp"

#include <nccl.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct nccl_options {
  std::function<void(error const&)> failed{};  // once, by any thread, before the sums are aborted: a program says it, and ends
  std::chrono::milliseconds patience = std::chrono::seconds(30);  // for the others, until a call has begun
};

namespace detail {

static_assert(NCCL_VERSION_CODE >= NCCL_VERSION(2, 18, 0), "frcnn needs NCCL 2.18 or later");

class nccl_sums {
 public:
  using device = cuda;

  template <Communicator Host>
  nccl_sums(cuda::context& c, Host& host, typename Host::device::context& host_context, std::chrono::milliseconds patience)
      : context_(c), rank_(host.rank()), size_(host.size()), patience_(patience), barrier_([&host] { host.barrier(); }) {
    stream_.reset(
        made<cudaStream_t>("cudaStreamCreateWithFlags", [](auto* s) { return cudaStreamCreateWithFlags(s, cudaStreamNonBlocking); }));
    for (auto& e : events_)
      e.reset(made<cudaEvent_t>("cudaEventCreateWithFlags", [](auto* x) { return cudaEventCreateWithFlags(x, cudaEventDisableTiming); }));
    ncclUniqueId id{};
    if (rank_ == 0) begun({"ncclGetUniqueId"}, ncclGetUniqueId(&id));
    host.broadcast(host_context, std::as_writable_bytes(std::span<ncclUniqueId>(&id, 1)));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    context_.call({"cudaSetDevice"}, cudaSetDevice, context_.options().device);
    // Registering buffers of a captured sum waits for all processes of a machine, and one of them may run the step without a graph.
    ::setenv("NCCL_GRAPH_REGISTER", "0", 0);  // where nobody has said otherwise
    try {
      begun({"ncclCommInitRankConfig"}, ncclCommInitRankConfig(&all_, size_, id, rank_, &config));
    } catch (...) {
      abort();
      throw;
    }
  }
  nccl_sums(nccl_sums const&) = delete;
  nccl_sums& operator=(nccl_sums const&) = delete;
  ~nccl_sums() {
    if (std::uncaught_exceptions() > exceptions_) abort();
    cudaSetDevice(context_.options().device);
    cudaStreamSynchronize(context_.stream());
    cudaStreamSynchronize(stream_.get());
    drop_graphs(context_);  // NCCL's communicator would wait for those that hold its sums
    if (!all_) return;
    try {
      begun({"ncclCommFinalize"}, ncclCommFinalize(all_));
      ncclCommDestroy(all_);
    } catch (error const&) {
      abort();
    }
  }

  cuda::context& context() const { return context_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  void fork() { follow(stream_.get(), events_[0].get(), context_.stream()); }
  void join() { follow(context_.stream(), events_[1].get(), stream_.get()); }
  template <class T>
  void sum(T* data, std::size_t n) {
    begun({"ncclAllReduce"},
          ncclAllReduce(data, data, n, std::is_same_v<T, float> ? ncclFloat32 : ncclFloat64, ncclSum, all_, stream_.get()));
  }
  void broadcast(std::byte* data, std::size_t n) {
    begun({"ncclBroadcast"}, ncclBroadcast(data, data, n, ncclUint8, 0, all_, stream_.get()));
  }
  void barrier() { barrier_(); }

  std::optional<error> failure() {
    ncclResult_t status = ncclSuccess;
    ncclResult_t const asked = ncclCommGetAsyncError(all_, &status);
    if (asked != ncclSuccess) status = asked;
    if (status == ncclSuccess || status == ncclInProgress) return {};
    return failed({"ncclCommGetAsyncError"}, status);
  }
  // In a thread of its own: it makes kernels end at once, and may then wait for graphs, which go later.
  void abort() noexcept {
    if (ncclComm_t const gone = std::exchange(all_, nullptr)) try {
        std::thread([gone] { ncclCommAbort(gone); }).detach();
      } catch (std::exception const&) {  // no thread to be had
        ncclCommAbort(gone);
      }
  }

 private:
  struct destroy {
    void operator()(cudaStream_t s) const { cudaStreamDestroy(s); }
    void operator()(cudaEvent_t e) const { cudaEventDestroy(e); }
  };
  template <class Handle>
  using owned = std::unique_ptr<std::remove_pointer_t<Handle>, destroy>;

  template <class Handle, class F>
  Handle made(char const* name, F f) {
    Handle h = nullptr;
    context_.call({name, cuda_calls::allocates}, f, &h);
    return h;
  }
  // What is queued in `late` from here on runs after what is queued in `early`.
  void follow(cudaStream_t late, cudaEvent_t e, cudaStream_t early) {
    context_.call(
        {"cudaEventRecord"}, [](cudaEvent_t x, cudaStream_t s) { return cudaEventRecord(x, s); }, e, early);
    context_.call(
        {"cudaStreamWaitEvent"}, [](cudaStream_t s, cudaEvent_t x) { return cudaStreamWaitEvent(s, x, 0); }, late, e);
  }

  error failed(named_call const& what, ncclResult_t status) const {
    char const* const why = ncclGetLastError(all_);
    return error("process " + std::to_string(rank_) + " of " + std::to_string(size_) + ", " + what.text(), "success",
                 std::string(ncclGetErrorString(status)) + (why && *why ? std::string(": ") + why : ""));
  }
  // Returns when what NCCL was called for has begun.
  void begun(named_call const& what, ncclResult_t status) const {
    auto const begin = std::chrono::steady_clock::now();
    while (status == ncclInProgress) {
      auto const waited = std::chrono::steady_clock::now() - begin;
      if (waited > patience_)
        throw error("process " + std::to_string(rank_) + " of " + std::to_string(size_) + ", " + what.text(),
                    "all processes within " + std::to_string(patience_.count()) + " ms", "some that did not come");
      if (waited < std::chrono::microseconds(200)) std::this_thread::yield();
      else std::this_thread::sleep_for(std::chrono::microseconds(100));
      ncclResult_t const asked = ncclCommGetAsyncError(all_, &status);
      if (asked != ncclSuccess) status = asked;
    }
    if (status != ncclSuccess) throw failed(what, status);
  }

  cuda::context& context_;
  int rank_, size_;
  std::chrono::milliseconds patience_;
  std::function<void()> barrier_;
  owned<cudaStream_t> stream_;
  std::array<owned<cudaEvent_t>, 2> events_;  // of fork and join
  ncclComm_t all_ = nullptr;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace detail

class nccl_communicator : public detail::stream_sums<detail::nccl_sums> {
 public:
  // c, host and host_context outlive it. Every process calls this, each with a GPU of its own. Throws error where NCCL cannot begin.
  template <Communicator Host>
  requires(Host::device::in_host_memory)
      nccl_communicator(cuda::context& c, Host& host, typename Host::device::context& host_context, nccl_options o = {})
      : detail::stream_sums<detail::nccl_sums>(std::move(o.failed), c, host, host_context, o.patience) {}
};

static_assert(Communicator<nccl_communicator>);

}  // namespace frcnn
FRCNN_HIDDEN_END
