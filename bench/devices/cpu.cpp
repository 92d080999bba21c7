// The CPU: its engines, kernels beside each other, and what the machine can do, measured with loops that do nothing else: multiply-adds in
// registers, a product by OpenBLAS (by our own kernel in a build without BLAS), memory.
#include "../data.hpp"
#include "../suite.hpp"

#if FRCNN_HAS_FAST
#include <frcnn/backend/cpu/kernels/simd.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstring>

namespace bench {
namespace {

template <class F>
double best_seconds(F const& run, int runs = 5) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    auto const start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// On these threads, the best of several runs.
struct machine {
  double fma_peak;    // operations a second: multiply-adds that never leave the registers
  double gemm_peak;   // the same of OpenBLAS's sgemm at 2048 x 2048 x 2048
  double read, copy;  // bytes a second, of 256 MiB: read; read and written
};

double gemm_rate() {
  constexpr int n = 2048;
  values const a(std::size_t{n} * n, 0.5f), b(a);
  values c(a.size());
#if defined(_OPENMP)
  int const before = omp_get_max_threads();
  omp_set_num_threads(threads());
#endif
  double const once = best_seconds([&] {
#if FRCNN_HAS_BLAS
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.f, a.data(), n, b.data(), n, 0.f, c.data(), n);
#else
    frcnn::parallel_gemm<float>(context(threads()), false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
#endif
  });
#if defined(_OPENMP)
  omp_set_num_threads(before);
#endif
  return c.back() == n / 4.f ? 2.0 * n * n * n / once : 0;
}

// Twelve sums, as many as hide the latency of two units, in a machine's sixteen registers. Each stays near b / (1 - a).
double fma_rate([[maybe_unused]] context const& c) {
#if FRCNN_HAS_FAST
  namespace simd = frcnn::cpu_backend::simd;
  constexpr int sums = 12, rounds = 500'000;
  std::vector<float> end(static_cast<std::size_t>(threads()) * 64);
  auto const run = [&] {
    frcnn::parallel_for(c, static_cast<std::size_t>(threads()), 1, [&](std::size_t begin, std::size_t stop) {
      for (std::size_t t = begin; t < stop; ++t) {
        simd::vec const a(0.5f), b(static_cast<float>(t + 1));
        simd::vec sum[sums];
        simd::unroll<sums>([&](auto i) { sum[i] = simd::vec(static_cast<float>(static_cast<int>(i))); });
        for (int r = 0; r < rounds; ++r) simd::unroll<sums>([&](auto i) { sum[i] = simd::fma(sum[i], a, b); });
        simd::vec all(0.f);
        simd::unroll<sums>([&](auto i) { all = all + sum[i]; });
        simd::store(end.data() + t * 64, all);
      }
    });
  };
  double const once = best_seconds(run, 200);  // short ones: both threads must have the machine to themselves
  for (std::size_t t = 0; t < static_cast<std::size_t>(threads()); ++t)
    if (end[t * 64] != static_cast<float>(2 * sums * (t + 1))) return 0;
  return 2.0 * sums * rounds * simd::lanes * threads() / once;
#else
  return gemm_rate();  // a build without vectors of its own has no better peak
#endif
}

// At the first call.
machine const& measured() {
  static machine const m = [] {
    context c(threads());
    machine found{fma_rate(c), gemm_rate(), 0, 0};
    std::size_t const n = std::size_t{64} << 20;  // floats
    values from(n, 1.f), to(n, 0.f);
    std::vector<double> sums(static_cast<std::size_t>(threads()) * 8);
    double const reading = best_seconds([&] {
      frcnn::parallel_for(c, n, 1, [&](int worker, std::size_t begin, std::size_t end) {
        constexpr std::size_t lanes = 64;
        float sum[lanes] = {};
        for (std::size_t i = begin; i + lanes <= end; i += lanes) {
          FRCNN_INDEPENDENT
          for (std::size_t l = 0; l < lanes; ++l) sum[l] += from[i + l];
        }
        double all = 0;
        for (float const s : sum) all += s;
        sums[static_cast<std::size_t>(worker) * 8] = all;
      });
    });
    double const copying = best_seconds([&] {
      frcnn::parallel_for(
          c, n, 1, [&](std::size_t begin, std::size_t end) { std::memcpy(to.data() + begin, from.data() + begin, 4 * (end - begin)); });
    });
    double const size = 4. * static_cast<double>(n);
    if (sums[0] > 0) found.read = size / reading;
    if (to.back() == 1.f) found.copy = 2 * size / copying;
    return found;
  }();
  return m;
}

}  // namespace

std::vector<engine> const& engines() {
  static std::vector<engine> const all = [] {
    std::vector<engine> some{{"portable", {.threads = threads(), .engine = frcnn::cpu_engine::portable}}};
    if (frcnn::has_fast) some.push_back({"fast", {.threads = threads(), .engine = frcnn::cpu_engine::fast}});
    return some;
  }();
  return all;
}

std::vector<variant> variants() {
  std::vector<variant> all{{"detect_transforms", "fast", [](options& o) { o.keep_transforms = false; }}};
#if FRCNN_HAS_ONEDNN
  if (frcnn::cpu_backend::onednn::has_bf16())
    all.push_back({"detect_bf16", "fast", [](options& o) { o.precision = frcnn::compute::bf16; }});
#endif
  return all;
}

void add_device_rows() {
  add_conv_rule();
  add_linear_layout();
}

double peak() { return measured().fma_peak; }

void describe_device() {
  benchmark::AddCustomContext("threads", std::to_string(threads()));
  auto const& m = measured();
  auto const tell = [](char const* what, double v) { benchmark::AddCustomContext(what, std::to_string(v * 1e-9)); };
  tell("fma_peak_gflop_per_second", m.fma_peak);
  tell("gemm_peak_gflop_per_second", m.gemm_peak);
  tell("read_gbyte_per_second", m.read);
  tell("copy_gbyte_per_second", m.copy);
}

}  // namespace bench
