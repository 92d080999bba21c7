#pragma once
// What is measured, and against what. The program is compiled for one device; all that differs between devices lies in devices/:
//
//   FRCNN_BENCH_DEVICE    a macro: cpu (default), cuda, or cuda_on_host, the CUDA backend's kernels run by the host, to try the rows
//   devices/<it>.hpp      includes its backend
//   devices/<it>.cpp      its engines, the variants of `detect` that it alone has, rows of its own, what it says of the machine
//
//   FRCNN_BENCH_THREADS   in the environment: threads of every context that has some (2)
// Benchmarks take the engines' names from here and nowhere else; another engine is another line of `engines`.
#if !defined(FRCNN_BENCH_DEVICE)
#define FRCNN_BENCH_DEVICE cpu
#endif
#define FRCNN_BENCH_TEXT2(text) #text
#define FRCNN_BENCH_TEXT(text) FRCNN_BENCH_TEXT2(text)
// clang-format off
#include FRCNN_BENCH_TEXT(devices/FRCNN_BENCH_DEVICE.hpp)
// clang-format on

#include <functional>
#include <string>
#include <vector>

namespace bench {

using device = frcnn::FRCNN_BENCH_DEVICE;
using context = device::context;
using options = device::options;

struct engine {
  char const* name;
  bench::options options;
};
std::vector<engine> const& engines();

// A row `detect_...`: `detect` on that engine with other options.
struct variant {
  char const* kind;
  char const* engine;
  std::function<void(options&)> change;
};
std::vector<variant> variants();

void add_device_rows();  // rows that no other device has
void describe_device();  // to the output's context, once, before anything is timed
double peak();           // operations a second (a multiplication and an addition are two); 0: not known

int threads();

// Of what no engine times: models and their inputs.
inline options default_options() {
  auto const set = [](auto o) {
    if constexpr (requires { o.threads; }) o.threads = threads();
    return o;
  };
  return set(options());
}

// What a context counts, or 0: how often the host has waited, kernels of ours, launches of graphs.
struct call_counts {
  double waits = 0, launches = 0, replays = 0;
};
template <class Context>
concept CountsCalls = requires(Context& c) {
  c.waits();
  c.launches();
  replays_of(c);
  graph_failure_of(c);
};
template <class Context>
call_counts counts_of([[maybe_unused]] Context& c) {
  if constexpr (CountsCalls<Context>)
    return {static_cast<double>(c.waits()), static_cast<double>(c.launches()), static_cast<double>(replays_of(c))};
  else return {};
}
// Why the last work that was to become a graph did not; empty: none failed, or the device has no graphs.
template <class Context>
std::string graph_failure([[maybe_unused]] Context& c) {
  if constexpr (CountsCalls<Context>) return graph_failure_of(c);
  else return {};
}

}  // namespace bench
