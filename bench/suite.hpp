#pragma once
// How a benchmark is declared: a name, and a function that makes its work.
//
//   add(op_name("relu", "1x64"), unit, [](context& c) {
//     auto x = uploaded(c, shape<2>{{1, 64}}, numbers(64, -1, 1));
//     return job{.run = [=, &c] { relu(c, x); }, .wrong = [=, &c] { return not_finite(to_host(c, x)); }, .flops = 64};
//   });
//
// 0. every engine of the device gets one: its name is put where the name has `*`
// 1. the work is made when its turn comes, in a context of its engine that dies with it: a run of all needs no more memory than its largest
// 2. run() once and warm_up times more; wrong() says what is wrong with the result: a benchmark of a wrong result is reported as failed and
//    not timed
// 3. run() is timed: so many runs behind each other, and a wait for the device behind the last. Rates are by wall clock: the time of a
//    thread says little where several work
#include "engine.hpp"

#include <benchmark/benchmark.h>
#include <frcnn/core/recorded.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct job {
  std::function<void()> run;
  std::function<std::string()> wrong = [] { return std::string(); };  // empty: nothing
  double flops = 0;                                                   // of one run; 0: not reported
  double bytes = 0;                                                   // every input read once, every output written once
  double images = 0;
  std::string label = {};
  std::vector<std::pair<std::string, double>> counters = {};
  context* on = nullptr;  // where the work runs; nullptr: in the context that it was made in
  int warm_up = 0;
  int result_waits = 0;  // waits of a run for its own result, which the counter `waits` leaves out
};
// Of recorded work: so many runs, and the next one is a graph, where the device makes some (frcnn/core/recorded.hpp).
inline constexpr int until_graph = CountsCalls<context> ? 3 : 0;
using make_job = std::function<job(context&)>;

// A name that is already there stays as it is: layers of one shape are measured once.
void add(std::string const& name, benchmark::TimeUnit unit, make_job const& make);
void add_for(std::string const& engine, std::string const& name, benchmark::TimeUnit unit, make_job const& make);  // where it is there

// The same work as one recorded piece: run() queues work and does nothing else.
inline job recorded(context& c, job j) {
  auto const run = std::make_shared<std::function<void()>>(std::move(j.run));
  j.run = [run, &c] {
    frcnn::recorded(
        c, [&](frcnn::call_key& key) { key.add(run.get()); }, [&] { return (*run)(), std::uint64_t{0}; });
  };
  j.warm_up = until_graph;
  return j;
}

// "op/<op>/*/<shape>"
inline std::string op_name(std::string const& op, std::string const& shape) { return "op/" + op + "/*/" + shape; }
// "<kind>/<preset>/*/<H>x<W>": kind is "stage/<stage>", "detect", "detect_<variant>" or "step"
inline std::string image_name(std::string const& kind, std::string const& preset, int h, int w) {
  return kind + "/" + preset + "/*/" + std::to_string(h) + "x" + std::to_string(w);
}
// "<kind>/<preset>/*/<N>x<H>x<W>"
inline std::string batch_name(std::string const& kind, std::string const& preset, int n, int h, int w) {
  return kind + "/" + preset + "/*/" + std::to_string(n) + "x" + std::to_string(h) + "x" + std::to_string(w);
}

void add_conv_rule();  // op/conv2d_rule, op/winograd_total: of the CPU alone
void add_linear_layout();
void add_described_ops();  // tests/ops
void add_detection_ops();
void add_stages();
void add_detectors();

}  // namespace bench
