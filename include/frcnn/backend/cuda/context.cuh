#pragma once
// The CUDA backend: its tag `cuda` and its context, which is one stream of one device: arena, memory, copies, events, handles of libraries.
//
// Activations are [N, H, W, C]. Parameters, losses and geometry are in the scalar's own precision; options say how products are computed.
// A context is one calling thread's; several may run at once, on one device or several. Calls make the context's device the thread's current
// one. Where there is no CUDA device, or not the one asked for, making a context is a frcnn::error that says so; nothing before it needs one.
//
// Example: cuda::context c({.device = 1, .precision = compute::tf32});
//          { cuda::context::frame scope(c); auto x = c.make<float>({{1, 3, 600, 800}}); }   x's memory is free for the next scope
#include "frcnn/backend/cuda/activation.hpp"
#include "frcnn/backend/cuda/device_pages.cuh"
#include "frcnn/backend/cuda/growing_arena.hpp"
#include "frcnn/backend/cuda/memory.cuh"
#include "frcnn/backend/cuda/options.hpp"
#include "frcnn/core/recorded.hpp"
#include "frcnn/core/typed_states.hpp"
#include "frcnn/core/view.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct cuda {
  template <class T>
  using activation = cuda_activation<T>;
  using options = cuda_options;
  using memory = detail::stream_memory<false>;
  using host_memory = detail::stream_memory<true>;
  class event;
  class context;
  static constexpr bool in_host_memory = false;
};

class cuda::context : public detail::cuda_activations<cuda> {
 public:
  explicit context(cuda_options options = {})
      : options_(options),
        stream_(std::make_shared<detail::device_stream>(options.device)),
        arena_(detail::device_pages(stream_->shared_calls(), options.device, options.arena_bytes)) {}
  ~context() {
    cudaSetDevice(stream_->device());
    cudaStreamSynchronize(stream_->handle());  // kernels still use scratch, and states of libraries
  }
  context(context const&) = delete;
  context& operator=(context const&) = delete;

  class frame {
   public:
    explicit frame(context& c) : arena_(c.arena_), mark_(arena_.mark()) {}
    ~frame() { arena_.release(mark_); }
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;

   private:
    detail::growing_arena<detail::device_pages>& arena_;
    std::size_t mark_;
  };

  cuda_options const& options() const noexcept { return options_; }
  cudaStream_t stream() const noexcept { return stream_->handle(); }
  detail::cuda_calls& calls() noexcept { return stream_->calls(); }
  std::size_t waits() const noexcept { return stream_->calls().waited(); }  // of the host, on the context or on an event
  std::size_t launches() const noexcept { return launches_; }               // kernels of ours, ever
  std::size_t high_water() const noexcept { return arena_.high_water(); }   // bytes of the arena ever in use at once

  // A call of CUDA or of one of its libraries on this context, whatever its status type: call({"cudnnPoolingForward"}, cudnnPoolingForward, ...).
  template <class F, class... Arguments>
  void call(detail::named_call const& what, F f, Arguments... arguments) {
    stream_->make_current();
    detail::call(stream_->calls(), what, f, arguments...);
  }
  // Before a launch of that many blocks.
  void count_launch(std::size_t blocks) {
    if (blocks > 0x7fffffffu) throw error("cuda context", "a kernel of at most 2147483647 blocks", std::to_string(blocks));
    stream_->make_current();
    ++launches_;
  }

  // What a library keeps with this context: each type S has its own, made as S(context&) at first use; it goes before the stream does.
  template <class S>
  S& state() {
    return states_.get<S>(*this);
  }

  // f's work, as a graph where it has been seen often enough: core/recorded.hpp. Defined in graphs.cuh.
  template <class F>
  std::uint64_t recorded(call_key const& key, F const& f);

  cuda::memory allocate(std::size_t bytes) { return {stream_, bytes}; }
  cuda::host_memory allocate_host(std::size_t bytes) { return {stream_, bytes}; }
  void copy_in(void* device, void const* host, std::size_t bytes) { copy_as(device, host, bytes, cudaMemcpyHostToDevice); }
  void copy_out(void* host, void const* device, std::size_t bytes) { copy_as(host, device, bytes, cudaMemcpyDeviceToHost); }
  void copy(void* to, void const* from, std::size_t bytes) { copy_as(to, from, bytes, cudaMemcpyDeviceToDevice); }
  void wait() { call({"cudaStreamSynchronize", detail::cuda_calls::waits}, cudaStreamSynchronize, stream()); }

  void* scratch(std::size_t bytes) { return arena_.take(bytes); }
  // .data, .bytes: all of them, or half and so on, as there is room.
  auto scratch_at_most(std::size_t bytes) { return arena_.take_at_most(bytes); }
  template <class T>
  T* scratch_of(std::size_t n) {
    return static_cast<T*>(arena_.take(checked::bytes<T>(n)));
  }

 private:
  friend class cuda::event;
  void copy_as(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (bytes)
      call(
          {"cudaMemcpyAsync"},
          [](void* t, void const* f, std::size_t n, cudaMemcpyKind k, cudaStream_t s) { return cudaMemcpyAsync(t, f, n, k, s); }, to, from,
          bytes, kind, stream());
  }

  cuda_options options_;
  std::shared_ptr<detail::device_stream> stream_;
  detail::growing_arena<detail::device_pages> arena_;
  typed_states states_;
  std::size_t launches_ = 0;
};

class cuda::event {
 public:
  event() = default;
  event(event&& other) noexcept : where_(std::move(other.where_)), event_(std::exchange(other.event_, nullptr)) {}
  event& operator=(event&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(event_, other.event_);
    return *this;
  }
  ~event() {
    if (event_) cudaEventDestroy(event_);
  }
  void record(context& c) {
    c.calls().admit("cudaEventRecord", detail::cuda_calls::asks);
    if (event_ && where_->device() != c.stream_->device()) {  // an event is a device's
      cudaEventDestroy(event_);
      event_ = nullptr;
    }
    where_ = c.stream_;
    if (!event_)
      c.call(
          {"cudaEventCreateWithFlags", detail::cuda_calls::allocates},
          [](cudaEvent_t* e, unsigned flags) { return cudaEventCreateWithFlags(e, flags); }, &event_, cudaEventDisableTiming);
    c.call(
        {"cudaEventRecord"}, [](cudaEvent_t e, cudaStream_t s) { return cudaEventRecord(e, s); }, event_, c.stream());
  }
  bool done() const {
    if (!event_) return true;
    where_->calls().admit("cudaEventQuery", detail::cuda_calls::asks);
    cudaError_t const status = cudaEventQuery(event_);
    if (status != cudaErrorNotReady) detail::check_status({"cudaEventQuery"}, status);
    else static_cast<void>(cudaGetLastError());  // where it would wait to be found by the next call that looks
    return status == cudaSuccess;
  }
  void wait() const {
    if (event_ && !done()) detail::call(where_->calls(), {"cudaEventSynchronize", detail::cuda_calls::waits}, cudaEventSynchronize, event_);
  }

 private:
  std::shared_ptr<detail::device_stream> where_;
  cudaEvent_t event_ = nullptr;
};

static_assert(Backend<cuda> && PlainLayout<cuda>);

}  // namespace frcnn
FRCNN_HIDDEN_END
