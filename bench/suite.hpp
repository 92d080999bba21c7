#pragma once
// How a benchmark is declared: a name, and a function that makes its work.
//
//   add("op/relu/" + engine + "/1x64", unit, [](context& c) {
//     auto x = uploaded(c, shape<2>{{1, 64}}, numbers(64, -1, 1));
//     return job{.run = [=, &c] { relu(c, x); }, .wrong = [=] { return not_finite(to_host(x)); }, .flops = 64, .bytes = 2 * 64 * 4};
//   });
//
// 1. the work is made when its turn comes; what it takes from the context's arena dies with it
// 2. run() once; wrong() says what is wrong with the result: a benchmark of a wrong result is reported as failed and not timed
// 3. run() is timed. Rates are by wall clock: the time of a thread says little where several work
#include "engine.hpp"

#include <benchmark/benchmark.h>

#include <functional>
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
};
using make_job = std::function<job(context&)>;

// A name that is already there stays as it is: layers of one shape are measured once.
void add(std::string const& name, benchmark::TimeUnit unit, make_job make);

// "op/<op>/<engine>/<shape>"
inline std::string op_name(std::string const& op, std::string const& shape) { return "op/" + op + "/" + engine::name + "/" + shape; }
// "<kind>/<preset>/<engine>/<H>x<W>": kind is "stage/<stage>", "detect" or "step"
inline std::string image_name(std::string const& kind, std::string const& preset, int h, int w) {
  return kind + "/" + preset + "/" + engine::name + "/" + std::to_string(h) + "x" + std::to_string(w);
}

void add_layer_ops();
void add_pooling_ops();
void add_detection_ops();
void add_stages();
void add_detectors();

}  // namespace bench
