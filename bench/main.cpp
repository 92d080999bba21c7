// frcnn_bench: how fast ops, stages, detection and training steps are. Names and how to compare: bench/README.md.
#include "suite.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
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

static double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The benchmark whose turn it is. Google Benchmark calls its function several times, with more and more iterations: one job serves all.
struct turn {
  turn(std::string of, frcnn::cpu_engine kind, make_job const& make)
      : name(std::move(of)), c({.threads = threads(), .engine = kind}), scope(c), work(make(c)) {
    work.run();
    wrong = work.wrong();
  }
  std::string name;
  context c;
  context::frame scope;
  job work;
  std::string wrong;
};
static std::unique_ptr<turn> now;

static void measure(benchmark::State& state, std::string const& name, frcnn::cpu_engine kind, make_job const& make) {
  if (!now || now->name != name) {
    now.reset();  // its memory first
    try {
      now = std::make_unique<turn>(name, kind, make);
    } catch (std::exception const& e) {
      state.SkipWithError(e.what());
      return;
    }
  }
  job& work = now->work;
  if (!now->wrong.empty()) {
    state.SkipWithError(now->wrong.c_str());
    return;
  }
  auto const start = std::chrono::steady_clock::now();
  for (auto _ : state) work.run();
  double const once = seconds_since(start) / static_cast<double>(state.iterations());

  auto const report = [&](char const* what, double value) { state.counters[what] = benchmark::Counter(value); };
  if (work.flops > 0) {
    report("flop_per_second", work.flops / once);
    report("peak_share", work.flops / once / measured().fma_peak);
  }
  if (work.bytes > 0) report("bytes_per_second", work.bytes / once);
  if (work.images > 0) report("images_per_second", work.images / once);
  for (auto const& [what, value] : work.counters) report(what.c_str(), value);
  if (!work.label.empty()) state.SetLabel(work.label);
}

static void add_one(engine const& e, std::string name, benchmark::TimeUnit unit, make_job const& make) {
  static std::set<std::string> names;
  if (auto const at = name.find('*'); at != std::string::npos) name.replace(at, 1, e.name);
  if (!names.insert(name).second) return;
  benchmark::RegisterBenchmark(name.c_str(), [name, kind = e.kind, make](benchmark::State& state) {
    measure(state, name, kind, make);
  })->Unit(unit);
}
void add(std::string const& name, benchmark::TimeUnit unit, make_job const& make) {
  for (auto const& e : engines()) add_one(e, name, unit, make);
}
void add_for(frcnn::cpu_engine kind, std::string const& name, benchmark::TimeUnit unit, make_job const& make) {
  for (auto const& e : engines())
    if (e.kind == kind) add_one(e, name, unit, make);
}

}  // namespace bench

int main(int argc, char** argv) {
  bool lists = false;
  for (int i = 1; i < argc; ++i) lists = lists || std::strncmp(argv[i], "--benchmark_list_tests", 22) == 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  bench::add_conv_rule();
  bench::add_linear_layout();
  bench::add_described_ops();
  bench::add_detection_ops();
  bench::add_stages();
  bench::add_detectors();
  if (!lists) {
    benchmark::AddCustomContext("threads", std::to_string(bench::threads()));
    auto const& m = bench::measured();
    auto const tell = [](char const* what, double v) { benchmark::AddCustomContext(what, std::to_string(v * 1e-9)); };
    tell("fma_peak_gflop_per_second", m.fma_peak);
    tell("gemm_peak_gflop_per_second", m.gemm_peak);
    tell("read_gbyte_per_second", m.read);
    tell("copy_gbyte_per_second", m.copy);
  }
  benchmark::RunSpecifiedBenchmarks();
  bench::now.reset();
  benchmark::Shutdown();
}
