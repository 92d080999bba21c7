#pragma once
// Where the time goes: a tree of named scopes with calls, seconds and operations, filled by the stages and layers that run under it.
//
//   profiler p;  cpu::context c({.profile = &p});  ... detect ...;  std::cout << p.table();
//   profiled const scope(c, "proposals");      a scope of one's own: until the end of the block
// A context without a profiler pays one test of a pointer per scope. One profiler serves one thread at a time. On a device that runs behind
// the host, its context's profiler waits for the device at both ends.
// Operations are those of the definition (a multiplication and an addition are two): a kernel that needs fewer shows as faster.
#include "frcnn/config.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class profiler {
 public:
  struct sums {
    long calls = 0;
    double seconds = 0, operations = 0;
  };
  struct row {
    std::string name;
    int depth;   // 0: outermost
    sums first;  // in the first run of the outermost scope it is in: pages are touched, weights converted, kernels made
    sums later;
  };

  void begin(std::string_view name) { open_.push_back({child(open_.empty() ? none : open_.back().at, name), clock::now()}); }
  void end(double operations) {
    auto const [at, start] = open_.back();
    bool const first = nodes_[open_.front().at].first.calls == 0;
    open_.pop_back();
    sums& n = first ? nodes_[at].first : nodes_[at].later;
    ++n.calls;
    n.seconds += std::chrono::duration<double>(clock::now() - start).count();
    n.operations += operations;
  }

  // Scopes in the order in which they were first entered, each before what ran inside it. Operations include the inner scopes'.
  std::vector<row> rows() const {
    std::vector<row> result;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].parent == none) append(i, 0, result);
    return result;
  }

  // One line per scope: milliseconds per run of the outermost scope it is in, share of the whole, calls per run, GFLOP/s, all without the
  // first run, whose milliseconds stand apart. Where there was no other run they are its own.
  std::string table() const {
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
    std::string text = line("stage or layer", "ms", "share", "calls", "GFLOP/s", "first ms");
    for (auto const& r : rows()) {
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
  void clear() { nodes_.clear(); }  // outside of all scopes

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t none = ~std::size_t{0};
  struct node {
    std::string name;
    std::size_t parent;
    sums first = {}, later = {};
  };
  struct open_scope {
    std::size_t at;
    clock::time_point start;
  };

  std::size_t child(std::size_t parent, std::string_view name) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].parent == parent && nodes_[i].name == name) return i;
    nodes_.push_back({std::string(name), parent});
    return nodes_.size() - 1;
  }
  void append(std::size_t at, int depth, std::vector<row>& result) const {
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
  static std::string line(std::string const& name, std::string const& ms, std::string const& share, std::string const& calls,
                          std::string const& rate, std::string const& first) {
    char text[160];
    std::snprintf(text, sizeof text, "%-42.60s %10s %8s %7s %8s %10s\n", name.c_str(), ms.c_str(), share.c_str(), calls.c_str(),
                  rate.c_str(), first.c_str());
    return text;
  }

  std::vector<node> nodes_;
  std::vector<open_scope> open_;
};

// A scope in the context's profiler, if it has one.
template <class Context>
class profiled {
 public:
  profiled([[maybe_unused]] Context& c, std::string_view name, double operations = 0) : operations_(operations) {
    if constexpr (requires { c.profile(); }) to_ = c.profile();
    if (to_) to_->begin(name);
  }
  ~profiled() {
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
