#pragma once
// Which calls become CUDA graphs, and when: a graph for each key (core/recorded.hpp), that is, for each shape of input of `detect` and `step`.
//
//   1. A key's first two sights run uncaptured: memory grows, kernels are loaded, cuDNN's plans are measured. The third is captured, and it
//      and those that follow are launches of the graph.
//   2. What all graphs take is at most most_bytes: the least recently used go first, and are captured again on their third sight.
//   3. A call that cannot be captured, because it allocates, waits or fails, runs uncaptured, once more from its start; what it throws then
//      is its own. A key for which that happens three times in a row stays uncaptured, and so does one whose graph is larger than all may
//      be.
//   4. A graph holds addresses. Those that a key does not name, of tapes, parameters and momentum, stay while no device memory is given
//      back; when any code in the process does so, all graphs go, and each is captured anew at its key's next sight. A graph during
//      whose capture that happens goes too, and is no failure of its key: another thread may have done it.
//   5. Inside of a capture, calls are part of it.
//   6. Why a capture gave no graph, for 2, 3 or 4, is kept: failure() is what the last such one said.
// A graph reads inputs where its key says, and all numbers that change from call to call in device memory.
//
// Api is a device's graphs, so that all of this is tested on the host (backend/cuda/host/graphs.hpp):
//   Api::graph                 movable
//   api.is_capturing()
//   api.begin()                from here on work is recorded and not run
//   api.end() -> graph         until here; ready to be launched
//   api.abandon() noexcept     after an exception since begin(), or in it: nothing is recorded any more
//   api.launch(graph&)         queues what was recorded
//   api.bytes(graph const&)    of device memory, about
//   api.retire(graph)          destroys it when what was launched has run
//   api.destroy_retired()      all of them; nothing runs
//   api.freed()                how often device memory was given back so far
#include "frcnn/core/recorded.hpp"

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class Api>
class graph_cache {
 public:
  static constexpr int sights = 3, tries = 3;
  static constexpr std::size_t most_keys = 4096;

  // most_bytes 0: nothing is captured.
  graph_cache(Api api, std::size_t most_bytes) : api_(std::move(api)), most_bytes_(most_bytes) {}
  template <class Context>
  explicit graph_cache(Context& c) : graph_cache(Api(c), c.options().graph_bytes) {}

  template <class F>
  std::uint64_t run(call_key const& key, F const& f) {
    if (most_bytes_ == 0 || api_.is_capturing() || !key.is_whole()) return f();
    drop_stale();
    entry& e = entry_of(key);
    e.used = ++clock_;
    if (!e.graph) {
      if (e.failures == tries || ++e.seen < sights || !capture(e, f)) return f();
    }
    api_.launch(*e.graph);
    ++replays_;
    return e.result;
  }

  // All graphs go at once: the device has been waited for.
  void clear() {
    entries_.clear();
    graphs_ = bytes_ = 0;
    api_.destroy_retired();
  }

  std::size_t graphs() const noexcept { return graphs_; }    // now
  std::size_t bytes() const noexcept { return bytes_; }      // of these
  std::size_t replays() const noexcept { return replays_; }  // launches of graphs, ever
  // Why the last capture that gave no graph, of any key, gave none; empty: every one gave its graph.
  std::string const& failure() const noexcept { return failure_; }

 private:
  using graph_type = typename Api::graph;
  struct entry {
    int seen = 0, failures = 0;
    std::uint64_t used = 0, result = 0;
    std::optional<graph_type> graph{};
  };

  entry& entry_of(call_key const& key) {
    auto const it = entries_.find(key);
    if (it != entries_.end()) return it->second;
    if (entries_.size() >= most_keys) std::erase_if(entries_, [](auto const& e) { return !e.second.graph; });
    return entries_[key];
  }

  // False: f has to be run.
  template <class F>
  bool capture(entry& e, F const& f) {
    std::optional<graph_type> made;
    std::size_t const freed = api_.freed();
    try {
      api_.begin();
      e.result = f();
      made.emplace(api_.end());
    } catch (std::exception const& reason) {  // f is run again, and throws again what is no matter of the capture
      api_.abandon();
      failure_ = reason.what();
    } catch (...) {
      api_.abandon();
      failure_ = "an exception that is no std::exception";
    }
    if (made && freed == api_.freed() && make_room(api_.bytes(*made))) {
      bytes_ += api_.bytes(*made);
      e.graph = std::move(made);
      e.failures = 0;
      ++graphs_;
      return true;
    }
    e.seen = 0;
    if (!made) {
      ++e.failures;
    } else {
      std::size_t const bytes = api_.bytes(*made);
      if (bytes > most_bytes_) e.failures = tries;
      api_.retire(std::move(*made));
      failure_ = bytes > most_bytes_ ? "a graph of " + std::to_string(bytes) + " bytes, where all may take " + std::to_string(most_bytes_)
                                     : "device memory was given back during the capture";
    }
    return false;
  }

  bool make_room(std::size_t bytes) {
    if (bytes > most_bytes_) return false;
    while (bytes > most_bytes_ - bytes_) {
      entry* oldest = nullptr;
      for (auto& [key, e] : entries_)
        if (e.graph && (!oldest || e.used < oldest->used)) oldest = &e;
      drop(*oldest);
      oldest->seen = 0;
    }
    return true;
  }
  void drop_stale() {
    if (std::size_t const freed = api_.freed(); freed != freed_) {
      freed_ = freed;
      for (auto& [key, e] : entries_)
        if (e.graph) drop(e);
    }
  }
  void drop(entry& e) {
    bytes_ -= api_.bytes(*e.graph);
    --graphs_;
    graph_type gone = std::move(*e.graph);
    e.graph.reset();
    api_.retire(std::move(gone));
  }

  Api api_;
  std::size_t most_bytes_, bytes_ = 0, graphs_ = 0, replays_ = 0, freed_ = 0;
  std::uint64_t clock_ = 0;
  std::string failure_;
  std::map<call_key, entry> entries_;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
