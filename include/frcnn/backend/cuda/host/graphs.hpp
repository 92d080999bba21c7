#pragma once
// Graphs of cuda_on_host: the calls themselves, kept and called again, with the scratch that they were recorded with.
//
// As on a device, what is recorded is not run until it is launched. A launch finds its scratch as NaN.
#include "frcnn/backend/cuda/graph_cache.hpp"
#include "frcnn/backend/cuda/host/context.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

class host_graphs {
 public:
  using graph = cuda_on_host::recording;

  explicit host_graphs(cuda_on_host::context& c) : context_(&c) {}

  bool is_capturing() const { return context_->calls().is_capturing(); }
  void begin() {
    context_->calls().capture(true);
    context_->recording_ = std::make_unique<graph>();
  }
  graph end() {
    context_->calls().capture(false);
    return std::move(*std::exchange(context_->recording_, nullptr));
  }
  void abandon() noexcept {
    context_->calls().capture(false);
    context_->recording_ = nullptr;
  }
  void launch(graph& g) {
    for (auto& s : g.scratch) s.undefine();
    for (auto const& work : g.work) work();
  }
  std::size_t bytes(graph const& g) const { return g.work.size() * sizeof(g.work[0]); }
  void retire(graph) {}
  void destroy_retired() {}
  std::size_t freed() const { return cuda_calls::freed(); }

 private:
  cuda_on_host::context* context_;
};

}  // namespace detail

template <class F>
std::uint64_t cuda_on_host::context::recorded(call_key const& key, F const& f) {
  return state<detail::graph_cache<detail::host_graphs>>().run(key, f);
}
inline void drop_graphs(cuda_on_host::context& c) { c.state<detail::graph_cache<detail::host_graphs>>().clear(); }
inline std::size_t replays_of(cuda_on_host::context& c) { return c.state<detail::graph_cache<detail::host_graphs>>().replays(); }
// graph_cache::failure().
inline std::string const& graph_failure_of(cuda_on_host::context& c) {
  return c.state<detail::graph_cache<detail::host_graphs>>().failure();
}

}  // namespace frcnn
FRCNN_HIDDEN_END
