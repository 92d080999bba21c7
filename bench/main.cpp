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

context& shared_context() {
  static context c(threads());
  return c;
}

static double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double gemm_peak() {
  static double const peak = [] {
    constexpr int n = 2048;
    std::vector<float> const a(std::size_t{n} * n, 0.5f), b(a);
    std::vector<float> c(a.size());
#if defined(_OPENMP)
    int const before = omp_get_max_threads();
    omp_set_num_threads(threads());
#endif
    double best = 0;
    for (int i = 0; i < 5; ++i) {
      auto const start = std::chrono::steady_clock::now();
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.f, a.data(), n, b.data(), n, 0.f, c.data(), n);
      best = std::max(best, 2.0 * n * n * n / seconds_since(start));
    }
#if defined(_OPENMP)
    omp_set_num_threads(before);
#endif
    return c.back() == n / 4.f ? best : 0;
  }();
  return peak;
}

// The benchmark whose turn it is. Google Benchmark calls its function several times, with more and more iterations: one job serves all.
struct turn {
  turn(std::string of, make_job const& make) : name(std::move(of)), scope(shared_context()), work(make(shared_context())) {
    work.run();
    engine::wait(shared_context());
    wrong = work.wrong();
  }
  std::string name;
  context::frame scope;
  job work;
  std::string wrong;
};
static std::unique_ptr<turn> now;

static void measure(benchmark::State& state, std::string const& name, make_job const& make) {
  if (!now || now->name != name) {
    now.reset();  // before the next one's frame opens
    try {
      now = std::make_unique<turn>(name, make);
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
  engine::wait(shared_context());
  double const once = seconds_since(start) / static_cast<double>(state.iterations());

  auto const report = [&](char const* what, double value) { state.counters[what] = benchmark::Counter(value); };
  if (work.flops > 0) {
    report("flop_per_second", work.flops / once);
    report("peak_share", work.flops / once / gemm_peak());
  }
  if (work.bytes > 0) report("bytes_per_second", work.bytes / once);
  if (work.images > 0) report("images_per_second", work.images / once);
  for (auto const& [what, value] : work.counters) report(what.c_str(), value);
  if (!work.label.empty()) state.SetLabel(work.label);
}

void add(std::string const& name, benchmark::TimeUnit unit, make_job make) {
  static std::set<std::string> names;
  if (!names.insert(name).second) return;
  benchmark::RegisterBenchmark(name.c_str(), [name, make = std::move(make)](benchmark::State& state) {
    measure(state, name, make);
  })->Unit(unit);
}

}  // namespace bench

int main(int argc, char** argv) {
  bool lists = false;
  for (int i = 1; i < argc; ++i) lists = lists || std::strncmp(argv[i], "--benchmark_list_tests", 22) == 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  bench::add_layer_ops();
  bench::add_pooling_ops();
  bench::add_detection_ops();
  bench::add_stages();
  bench::add_detectors();
  if (!lists) {
    benchmark::AddCustomContext("threads", std::to_string(bench::threads()));
    benchmark::AddCustomContext("gemm_peak_gflop_per_second", std::to_string(bench::gemm_peak() * 1e-9));
  }
  benchmark::RunSpecifiedBenchmarks();
  bench::now.reset();
  benchmark::Shutdown();
}
