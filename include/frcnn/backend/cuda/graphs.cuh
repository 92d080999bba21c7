#pragma once
// CUDA graphs of a context: what the policy (graph_cache.hpp) captures, launches and destroys. For files that nvcc compiles.
//
// A graph is destroyed when the work that was queued before has run, which an event says: nothing waits for it.
#include "frcnn/backend/cuda/context.cuh"
#include "frcnn/backend/cuda/graph_cache.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

class cuda_graphs {
 public:
  // What a node is taken to need of the device: drivers have asked for as much for each kernel. CUDA does not say what a graph needs.
  static constexpr std::size_t bytes_of_node = std::size_t{64} << 10;

  class graph {
   public:
    graph(cuda::context& c, cudaGraph_t g) {
      std::size_t nodes = 0;
      c.call({"cudaGraphGetNodes"}, cudaGraphGetNodes, g, static_cast<cudaGraphNode_t*>(nullptr), &nodes);
      bytes_ = nodes * bytes_of_node;
      c.call(
          {"cudaGraphInstantiate", cuda_calls::allocates},
          [](cudaGraphExec_t* e, cudaGraph_t from) { return cudaGraphInstantiate(e, from, 0); }, &ready_, g);
    }
    graph(graph&& other) noexcept : ready_(std::exchange(other.ready_, nullptr)), bytes_(other.bytes_) {}
    graph& operator=(graph&& other) noexcept {
      std::swap(ready_, other.ready_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~graph() {
      if (ready_) cudaGraphExecDestroy(ready_);
    }

   private:
    friend cuda_graphs;
    cudaGraphExec_t ready_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit cuda_graphs(cuda::context& c) : context_(&c) {}

  bool is_capturing() const { return context_->calls().is_capturing(); }
  void begin() {
    context_->call({"cudaStreamBeginCapture"}, cudaStreamBeginCapture, context_->stream(), cudaStreamCaptureModeThreadLocal);
    context_->calls().capture(true);
  }
  graph end() {
    captured g;
    context_->call({"cudaStreamEndCapture"}, cudaStreamEndCapture, context_->stream(), &g.graph);
    context_->calls().capture(false);
    return graph(*context_, g.graph);
  }
  void abandon() noexcept {
    if (!is_capturing()) return;
    captured g;
    cudaStreamEndCapture(context_->stream(), &g.graph);
    static_cast<void>(cudaGetLastError());
    context_->calls().capture(false);
  }
  void launch(graph& g) { context_->call({"cudaGraphLaunch"}, cudaGraphLaunch, g.ready_, context_->stream()); }
  std::size_t bytes(graph const& g) const { return g.bytes_; }
  void retire(graph g) {
    std::erase_if(retired_, [](gone const& r) { return r.has_run.done(); });
    retired_.push_back({{}, std::move(g)});
    retired_.back().has_run.record(*context_);
  }
  void destroy_retired() { retired_.clear(); }
  std::size_t freed() const { return cuda_calls::freed(); }

 private:
  struct captured {
    cudaGraph_t graph = nullptr;
    ~captured() {
      if (graph) cudaGraphDestroy(graph);
    }
  };
  struct gone {
    cuda::event has_run;
    graph what;
  };

  cuda::context* context_;
  std::vector<gone> retired_;
};

}  // namespace detail

template <class F>
std::uint64_t cuda::context::recorded(call_key const& key, F const& f) {
  call_key here = key;
  here.add(std::uint64_t{arena_.mark()});  // scratch of the work begins there
  return state<detail::graph_cache<detail::cuda_graphs>>().run(here, f);
}
// Before what they hold addresses of goes, other than memory. The device has been waited for.
inline void drop_graphs(cuda::context& c) { c.state<detail::graph_cache<detail::cuda_graphs>>().clear(); }
inline std::size_t replays_of(cuda::context& c) { return c.state<detail::graph_cache<detail::cuda_graphs>>().replays(); }
// graph_cache::failure().
inline std::string const& graph_failure_of(cuda::context& c) { return c.state<detail::graph_cache<detail::cuda_graphs>>().failure(); }

}  // namespace frcnn
FRCNN_HIDDEN_END
