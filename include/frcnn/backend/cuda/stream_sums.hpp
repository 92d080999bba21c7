#pragma once
// A Communicator whose sums run in a stream beside the context's: all of NCCL's model (nccl.cuh) that needs no NCCL, so that the host tests it.
//
//   sum      the sums' stream waits for what is queued in the context so far, and sums; what the context is given next runs beside it
//   settle   the context waits for the sums' stream, if a sum has begun since the last settle
// Both waits are the device's, by events: the host waits for nothing, and a graph that is captured holds the sums, as a branch of its own that
// comes back at settle; a capture that holds a sum holds its settle. Calls are for one context, whose graphs hold the sums' addresses.
//
// Failures: a thread asks every `look` whether a sum has failed, and so does check(). The first failure is handed to failed(e) (by the thread
// that found it), then the sums are aborted, so that who waits for the device is released: what it then reads is nothing that can be
// believed. From there on every call throws that failure. An error of a call while a graph is captured is none yet: it is thrown and ends the
// capture, of which nothing has run, and the work is run again without one (graph_cache.hpp); what fails then is a failure.
//
// Api is a device's sums:
//   Api::device, api.context()         whose calls() say whether a graph is captured (calls.hpp)
//   api.rank(), api.size()
//   api.fork(), api.join()             the sums' stream waits for the context; the context for the sums' stream
//   api.sum(T*, n), api.broadcast(std::byte*, n)    in the sums' stream, in place; throw
//   api.barrier()
//   api.failure() -> optional<error>   what has failed meanwhile; never waits
//   api.abort() noexcept               kernels of sums that have begun end; never waits. Nothing of the above is called after it
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/core/error.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class Api>
class stream_sums {
 public:
  using device = typename Api::device;
  using context = typename device::context;
  static constexpr auto look = std::chrono::milliseconds(100);

  // of_api: what the Api is made of.
  template <class... Arguments>
  explicit stream_sums(std::function<void(error const&)> failed, Arguments&&... of_api)
      : api_(std::forward<Arguments>(of_api)...), failed_(std::move(failed)), watch_([this](std::stop_token stop) { watch(stop); }) {}
  stream_sums(stream_sums const&) = delete;
  stream_sums& operator=(stream_sums const&) = delete;

  int rank() const { return api_.rank(); }
  int size() const { return api_.size(); }

  template <class T>
  void sum(context& c, std::span<T> range) {
    begin(c, range, [&] { api_.sum(range.data(), range.size()); });
  }
  void settle(context& c) {
    guarded(c, [&] { join(); });
  }
  template <class T>
  void broadcast(context& c, std::span<T> range) {
    begin(c, range, [&] {
      auto const bytes = std::as_writable_bytes(range);
      api_.broadcast(bytes.data(), bytes.size());
      join();
    });
  }
  void barrier() {
    check();
    api_.barrier();
  }
  bool is_recordable() const { return true; }
  void check() const {
    std::unique_lock lock(mutex_);
    if (!failure_)
      if (auto const found = api_.failure()) fail(lock, *found);
    if (failure_) throw *failure_;
  }

 private:
  template <class F>
  void guarded(context& c, F const& work) {
    if (&c != &api_.context()) throw error("communicator", "the context that it was made for", "another one");
    std::unique_lock lock(mutex_);
    if (failure_) throw *failure_;
    try {
      work();
    } catch (error const& e) {
      if (c.calls().is_capturing()) is_open_ = false;  // the sums that it holds go with the capture
      else fail(lock, e);
      throw;
    }
  }
  // work, in the sums' stream.
  template <class T, class F>
  void begin(context& c, std::span<T> range, F const& work) {
    guarded(c, [&] {
      if (range.empty()) return;
      api_.fork();
      is_open_ = true;
      work();
    });
  }
  void join() {
    if (is_open_) api_.join();
    is_open_ = false;
  }
  // Once. The lock is given up while it is told.
  void fail(std::unique_lock<std::mutex>& lock, error const& e) const {
    failure_ = e;
    lock.unlock();
    if (failed_) failed_(e);
    lock.lock();
    api_.abort();
  }
  void watch(std::stop_token stop) const {
    std::unique_lock lock(mutex_);
    while (!failure_) {
      changed_.wait_for(lock, stop, look, [] { return false; });
      if (stop.stop_requested()) return;
      if (failure_) return;
      if (auto const found = api_.failure()) fail(lock, *found);
    }
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  mutable Api api_;
  mutable std::optional<error> failure_;
  std::function<void(error const&)> failed_;
  bool is_open_ = false;  // a sum has begun since the last settle
  std::jthread watch_;    // last: it uses the others
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
