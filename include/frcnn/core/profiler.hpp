#pragma once
// A profiler: a tree of named scopes with calls, seconds and operations, filled by the parts and layers that run under it.
//
//   profiler p;  cpu::context c({.profile = &p});  ... detect ...;  std::cout << p.table();
//   profiled const scope(c, "proposals");      a scope of one's own: until the end of the block
// A context without a profiler pays one test of a pointer per scope. One profiler serves any number of threads at once, such as a
// detector's sessions: each thread has its own open scopes, and what they cost is added up. On a device that runs behind the host, its
// context's profiler waits for the device at both ends.
// Operations are those of the definition (a multiplication and an addition are two): a kernel that needs fewer shows as faster.
#include "frcnn/config.hpp"

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

class profiler {
 public:
  struct sums {
    long calls = 0;
    double seconds = 0, operations = 0;
  };
  struct entry {
    std::string name;
    int depth;   // 0: outermost
    sums first;  // in the first run, one thread's, of the outermost scope it is in: pages are touched, weights converted, kernels made
    sums later;
  };

  FRCNN_PER_BUILD void begin(std::string_view name) {
    std::lock_guard const lock(mutex_);
    auto& open = open_scopes();
    std::size_t const at = child(open.empty() ? none : open.back().at, name);
    open.push_back({at, clock::now(), open.empty() ? !nodes_[at].begun : open.front().first});
    nodes_[at].begun = true;
  }
  // Of the scope that this thread began last.
  FRCNN_PER_BUILD void end(double operations) {
    auto const now = clock::now();
    std::lock_guard const lock(mutex_);
    auto& open = open_scopes();
    auto const [at, start, first] = open.back();
    open.pop_back();
    sums& n = first ? nodes_[at].first : nodes_[at].later;
    ++n.calls;
    n.seconds += std::chrono::duration<double>(now - start).count();
    n.operations += operations;
  }

  // Scopes in the order in which they were first entered, each before what ran inside it. Operations include the inner scopes'.
  FRCNN_PER_BUILD std::vector<entry> entries() const {
    std::lock_guard const lock(mutex_);
    return listed();
  }

  // One line per scope: milliseconds per run of the outermost scope it is in, share of the whole, calls per run, GFLOP/s, all without the
  // first run, whose milliseconds stand apart. Where there was no other run they are its own.
  FRCNN_PER_BUILD std::string table() const {
    std::lock_guard const lock(mutex_);
    double whole = 0;
    long runs = 1;
    bool later = false;
    for (auto const& n : nodes_) later = later || n.later.calls > 0;
    auto const shown = [later](auto const& n) { return later ? n.later : n.first; };
    for (auto const& n : nodes_)
      if (n.parent == none) {
        whole += shown(n).seconds;
        runs = std::max(runs, shown(n).calls);
      }
    std::string text = line("part or layer", "ms", "share", "calls", "GFLOP/s", "first ms");
    for (auto const& r : listed()) {
      auto const number = [](char const* format, double v) {
        char digits[32];
        std::snprintf(digits, sizeof digits, format, v);
        return std::string(digits);
      };
      sums const s = shown(r);
      text += line(std::string(2 * static_cast<std::size_t>(r.depth), ' ') + r.name,
                   number("%.2f", 1e3 * s.seconds / static_cast<double>(runs)), number("%.1f %%", whole > 0 ? 100 * s.seconds / whole : 0),
                   number("%.4g", static_cast<double>(s.calls) / static_cast<double>(runs)),
                   s.operations > 0 && s.seconds > 0 ? number("%.0f", 1e-9 * s.operations / s.seconds) : "",
                   number("%.2f", 1e3 * r.first.seconds));
    }
    return text;
  }
  FRCNN_PER_BUILD void clear() {  // outside of all scopes
    std::lock_guard const lock(mutex_);
    nodes_.clear();
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t none = ~std::size_t{0};
  struct node {
    std::string name;
    std::size_t parent;
    sums first = {}, later = {};
    bool begun = false;
  };
  struct open_scope {
    std::size_t at;
    clock::time_point start;
    bool first;  // in the first run of its outermost scope
  };
  struct thread_scopes {
    std::thread::id thread;
    std::vector<open_scope> open;
  };

  // This thread's. Threads that have none open give their place to others, so that it does not grow with their number.
  FRCNN_PER_BUILD std::vector<open_scope>& open_scopes() {
    thread_scopes* free = nullptr;
    for (auto& t : threads_) {
      if (t.thread == std::this_thread::get_id()) return t.open;
      if (t.open.empty()) free = &t;
    }
    if (!free) free = &threads_.emplace_back();
    free->thread = std::this_thread::get_id();
    return free->open;
  }

  FRCNN_PER_BUILD std::size_t child(std::size_t parent, std::string_view name) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].parent == parent && nodes_[i].name == name) return i;
    nodes_.push_back({std::string(name), parent});
    return nodes_.size() - 1;
  }
  FRCNN_PER_BUILD std::vector<entry> listed() const {
    std::vector<entry> result;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].parent == none) append(i, 0, result);
    return result;
  }
  FRCNN_PER_BUILD void append(std::size_t at, int depth, std::vector<entry>& result) const {
    node const& n = nodes_[at];
    std::size_t const mine = result.size();
    result.push_back({n.name, depth, n.first, n.later});
    for (std::size_t i = at + 1; i < nodes_.size(); ++i)
      if (nodes_[i].parent == at) {
        std::size_t const inner = result.size();
        append(i, depth + 1, result);
        result[mine].first.operations += result[inner].first.operations;
        result[mine].later.operations += result[inner].later.operations;
      }
  }
  FRCNN_PER_BUILD static std::string line(std::string const& name, std::string const& ms, std::string const& share,
                                          std::string const& calls, std::string const& rate, std::string const& first) {
    char text[160];
    std::snprintf(text, sizeof text, "%-42.60s %10s %8s %7s %8s %10s\n", name.c_str(), ms.c_str(), share.c_str(), calls.c_str(),
                  rate.c_str(), first.c_str());
    return text;
  }

  mutable std::mutex mutex_;
  std::vector<node> nodes_;
  std::vector<thread_scopes> threads_;
};

// A scope in the context's profiler, if it has one.
template <class Context>
class profiled {
 public:
  FRCNN_PER_BUILD profiled([[maybe_unused]] Context& c, std::string_view name, double operations = 0) : operations_(operations) {
    if constexpr (requires { c.profile(); }) to_ = c.profile();
    if (to_) to_->begin(name);
  }
  FRCNN_PER_BUILD ~profiled() {
    if (to_) to_->end(operations_);
  }
  profiled(profiled const&) = delete;
  profiled& operator=(profiled const&) = delete;

 private:
  profiler* to_ = nullptr;
  double operations_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
