// frcnn_bench, frcnn_bench_cuda: how fast ops, stages, detection and training steps are. Names and how to compare: bench/README.md.
#include "suite.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

namespace bench {

int threads() {
  static int const n = [] {
    char const* const text = std::getenv("FRCNN_BENCH_THREADS");
    int const wanted = text ? std::atoi(text) : 2;
    return wanted > 0 ? wanted : 2;
  }();
  return n;
}

// The benchmark whose turn it is. Google Benchmark calls its function several times, with more and more iterations: one job serves all.
struct turn {
  turn(std::string of, engine const& e, make_job const& make) : name(std::move(of)), c(e.options), scope(c), work(make(c)) {
    if (work.on) on = work.on;
    auto const before = counts_of(*on);
    work.run();
    launches = counts_of(*on).launches - before.launches;
    for (int i = 0; i < work.warm_up; ++i) work.run();
    on->wait();
    wrong = work.wrong();
    on->wait();
  }
  std::string name;
  context c;
  context::frame scope;
  job work;
  context* on = &c;
  double launches = 0;  // of the first run: a graph's are none
  std::string wrong;
};
static std::unique_ptr<turn> now;

static void measure(benchmark::State& state, std::string const& name, engine const& e, make_job const& make) {
  if (!now || now->name != name) {
    now.reset();  // its memory first
    try {
      now = std::make_unique<turn>(name, e, make);
    } catch (std::exception const& error) {
      state.SkipWithError(error.what());
      return;
    }
  }
  job& work = now->work;
  if (!now->wrong.empty()) {
    state.SkipWithError(now->wrong.c_str());
    return;
  }
  using clock = std::chrono::steady_clock;
  auto const runs = state.max_iterations;
  auto const before = counts_of(*now->on);
  call_counts after;
  double once = 0;
  try {
    while (state.KeepRunningBatch(runs)) {
      auto const start = clock::now();
      for (auto i = runs; i > 0; --i) work.run();
      after = counts_of(*now->on);
      now->on->wait();
      once = std::chrono::duration<double>(clock::now() - start).count() / static_cast<double>(runs);
    }
  } catch (std::exception const& error) {
    state.SkipWithError(error.what());
    return;
  }

  auto const report = [&](char const* what, double value) { state.counters[what] = benchmark::Counter(value); };
  if (work.flops > 0) {
    report("flop_per_second", work.flops / once);
    if (peak() > 0) report("peak_share", work.flops / once / peak());
  }
  if (work.bytes > 0) report("bytes_per_second", work.bytes / once);
  if (work.images > 0) report("images_per_second", work.images / once);
  std::string label = work.label;
  if (CountsCalls<context>) {
    auto const each = [&](double call_counts::*what) { return (after.*what - before.*what) / static_cast<double>(runs); };
    report("waits", each(&call_counts::waits) - work.result_waits);
    report("launches", now->launches);
    report("graphs", each(&call_counts::replays));
    if (auto const why = graph_failure(*now->on); after.replays == before.replays && !why.empty())
      label += (label.empty() ? "no graph: " : ", no graph: ") + why;
  }
  for (auto const& [what, value] : work.counters) report(what.c_str(), value);
  if (!label.empty()) state.SetLabel(label);
}

static void add_one(engine const& e, std::string name, benchmark::TimeUnit unit, make_job const& make) {
  static std::set<std::string> names;
  if (auto const at = name.find('*'); at != std::string::npos) name.replace(at, 1, e.name);
  if (!names.insert(name).second) return;
  benchmark::RegisterBenchmark(name.c_str(), [name, e, make](benchmark::State& state) { measure(state, name, e, make); })->Unit(unit);
}
void add(std::string const& name, benchmark::TimeUnit unit, make_job const& make) {
  for (auto const& e : engines()) add_one(e, name, unit, make);
}
void add_for(std::string const& engine, std::string const& name, benchmark::TimeUnit unit, make_job const& make) {
  for (auto const& e : engines())
    if (e.name == engine) add_one(e, name, unit, make);
}

}  // namespace bench

int main(int argc, char** argv) {
  bool lists = false;
  for (int i = 1; i < argc; ++i) lists = lists || std::strncmp(argv[i], "--benchmark_list_tests", 22) == 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  bench::add_device_rows();
  bench::add_described_ops();
  bench::add_detection_ops();
  bench::add_stages();
  bench::add_detectors();
  if (!lists) bench::describe_device();
  benchmark::RunSpecifiedBenchmarks();
  bench::now.reset();
  benchmark::Shutdown();
}
