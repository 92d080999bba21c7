#pragma once
// The CUDA backend in the host's memory, for tests: the same kernels, run by the host launcher (backend/cuda/block.hpp), with no GPU.
//
// Every call has done its work when it returns; generic code does not know it, and stages, records and reads back as for a device. Each
// block of memory, and each piece of scratch, is an allocation of its own that starts as NaN: the address sanitizer sees a kernel that
// leaves it, or that is given scratch after its frame.
//
// Example: cuda_on_host::context c({.order = thread_order::shuffled});   threads of a phase run in any order
//          model.detect(c, ...);   c.waits() == 0, c.launches() kernels
#include "frcnn/backend/cuda/activation.hpp"
#include "frcnn/backend/cuda/calls.hpp"
#include "frcnn/core/checked.hpp"
#include "frcnn/core/compute.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/core/recorded.hpp"
#include "frcnn/core/typed_states.hpp"

#include <functional>
#include <new>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct cuda_on_host {
  template <class T>
  using activation = cuda_activation<T>;
  struct options {
    int device = 0;                                  // a name, as there are no devices
    thread_order order = thread_order::ascending;    // of the blocks, and of the threads of a phase
    compute precision = compute::exact;              // what the host computes is exact, whatever is asked for
    std::size_t graph_bytes = std::size_t{1} << 20;  // most that recorded calls take. 0: none are recorded
  };
  class memory;
  using host_memory = memory;
  class event;
  struct recording;
  class context;
  static constexpr bool in_host_memory = false;
};

class cuda_on_host::memory {
 public:
  memory() = default;
  // is_block: what is given up counts (calls.hpp); a frame's scratch does not.
  explicit memory(std::size_t bytes, bool is_block)
      : data_(static_cast<std::byte*>(::operator new(bytes, alignment)), {is_block}), bytes_(bytes) {
    undefine();
  }
  void undefine() { std::memset(data_.get(), 0xff, bytes_); }
  void* data() const noexcept { return data_.get(); }

 private:
  static constexpr std::align_val_t alignment{64};
  struct free {
    bool is_block;
    void operator()(std::byte* p) const {
      if (is_block) detail::cuda_calls::count_free();
      ::operator delete(p, alignment);
    }
  };
  std::unique_ptr<std::byte, free> data_;
  std::size_t bytes_ = 0;
};

// A graph: work, and the scratch that it has addresses of.
struct cuda_on_host::recording {
  std::vector<std::function<void()>> work;
  std::vector<memory> scratch;
};

namespace detail {
class host_graphs;
}

class cuda_on_host::context : public detail::cuda_activations<cuda_on_host> {
 public:
  explicit context(cuda_on_host::options options = {}) : options_(options), order_(std::make_shared<order_of_calls>()) {}
  context(context const&) = delete;
  context& operator=(context const&) = delete;

  class frame {
   public:
    explicit frame(context& c) : c_(c), mark_(c.scratch_.size()) {}
    ~frame() {
      if (c_.recording_)
        for (std::size_t i = mark_; i < c_.scratch_.size(); ++i) c_.recording_->scratch.push_back(std::move(c_.scratch_[i]));
      c_.scratch_.resize(mark_);
    }
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;

   private:
    context& c_;
    std::size_t mark_;
  };

  cuda_on_host::options const& options() const noexcept { return options_; }
  detail::cuda_calls& calls() noexcept { return order_->calls; }
  std::size_t waits() const noexcept { return order_->calls.waited(); }  // of the host, on the context or on an event
  std::size_t launches() const noexcept { return launches_; }            // kernels, ever

  void* scratch(std::size_t bytes) {
    scratch_.emplace_back(bytes, false);
    return scratch_.back().data();
  }

  cuda_on_host::memory allocate(std::size_t bytes) {
    calls().admit("cudaMallocFromPoolAsync", detail::cuda_calls::allocates);
    return cuda_on_host::memory(bytes, true);
  }
  cuda_on_host::memory allocate_host(std::size_t bytes) {
    calls().admit("cudaMallocHost", detail::cuda_calls::allocates);
    return cuda_on_host::memory(bytes, true);
  }
  void copy_in(void* device, void const* host, std::size_t bytes) { copy(device, host, bytes); }
  void copy_out(void* host, void const* device, std::size_t bytes) { copy(host, device, bytes); }
  void copy(void* to, void const* from, std::size_t bytes) {
    if (bytes) queue([=] { std::memcpy(to, from, bytes); });
  }
  void wait() {
    calls().admit("cudaStreamSynchronize", detail::cuda_calls::waits);
    order_->waited = order_->recorded.load();
  }

  // Runs work now, or when the graph that is being recorded is launched.
  template <class F>
  void queue(F const& work) {
    if (recording_) recording_->work.emplace_back(work);
    else work();
  }
  // f's work, as a graph where it has been seen often enough: core/recorded.hpp. Defined in graphs.hpp.
  template <class F>
  std::uint64_t recorded(call_key const& key, F const& f);
  // What others keep with this context, by its type; made with the context when first asked for.
  template <class S>
  S& state() {
    return states_.get<S>(*this);
  }

  // A kernel, or work that the host does in the place of one.
  void count_launch() noexcept { ++launches_; }

 private:
  friend class cuda_on_host::event;
  friend detail::host_graphs;
  struct order_of_calls {
    detail::cuda_calls calls;
    std::atomic<std::size_t> recorded{0}, waited{0};  // events, and those of them that a wait has covered
  };

  cuda_on_host::options options_;
  std::shared_ptr<order_of_calls> order_;
  std::vector<cuda_on_host::memory> scratch_;
  std::unique_ptr<cuda_on_host::recording> recording_;
  typed_states states_;
  std::size_t launches_ = 0;
};

// What was recorded has always run. A wait for it counts all the same, unless an earlier one was for something behind it.
class cuda_on_host::event {
 public:
  void record(context& c) {
    c.calls().admit("cudaEventRecord", detail::cuda_calls::asks);
    order_ = c.order_;
    number_ = ++order_->recorded;
  }
  bool done() const {
    if (order_) order_->calls.admit("cudaEventQuery", detail::cuda_calls::asks);
    return true;
  }
  void wait() const {
    if (!order_ || order_->waited >= number_) return;
    order_->calls.admit("cudaEventSynchronize", detail::cuda_calls::waits);
    order_->waited = number_;
  }

 private:
  std::shared_ptr<context::order_of_calls> order_;
  std::size_t number_ = 0;
};

static_assert(Backend<cuda_on_host> && PlainLayout<cuda_on_host>);

template <BlockKernel Kernel>
void launch(cuda_on_host::context& c, std::size_t blocks, Kernel const& kernel) {
  if (blocks == 0) return;
  c.count_launch();
  c.queue([=, order = c.options().order] { run_blocks_on_host(blocks, kernel, order); });
}

}  // namespace frcnn
FRCNN_HIDDEN_END
