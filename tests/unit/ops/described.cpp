// What every described operation (tests/ops) must do on every engine.
#include "../../ops/all.hpp"
#include "../engines.hpp"
#include "../sentence.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/testing/gradcheck.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

using namespace frcnn;
using namespace ops_described;

namespace {

template <class T>
std::vector<T> numbers(std::size_t n, std::uint64_t stream) {  // float's, so that both scalars compute with the same
  host_rng draws(5, draw::test, stream);
  std::vector<T> v(n);
  for (auto& x : v) x = static_cast<T>(static_cast<float>(draws.normal()));
  return v;
}
template <class T>
std::vector<T> nothing(std::size_t n) {
  return std::vector<T>(n, std::numeric_limits<T>::quiet_NaN());
}

template <class T>
struct results {
  std::vector<T> out;
  arrays<T> din;
};
template <class Op, class T>
results<T> run(cpu::context& c, typename Op::problem const& p) {
  arrays<T> in, din;
  for (auto const n : Op::inputs(p)) in.push_back(numbers<T>(n, in.size())), din.push_back(nothing<T>(n));
  results<T> r{nothing<T>(Op::output(p)), din};
  Op::template forward<T>(c, p, in, r.out);
  auto dout = numbers<T>(Op::output(p), 99);
  Op::template backward<T>(c, p, in, r.out, dout, r.din);
  return r;
}

template <class T>
bool near(std::vector<T> const& a, std::vector<double> const& b, double tolerance) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double const apart = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(apart <= std::numeric_limits<double>::max())) return false;
    worst = std::max(worst, apart);
    largest = std::max(largest, std::abs(b[i]));
  }
  return a.size() == b.size() && worst <= tolerance * largest;
}

// docs/backends.md
std::string page() {
  std::ostringstream all;
  all << "# Operations, and what computes them\n\n"
         "Made from the descriptions in `tests/ops` by `FRCNN_WRITE_DOCS=1 build/release/tests/test_ops -tc='*backends.md*'`; a test "
         "compares.\n"
         "The same descriptions drive the test of every engine against the portable one in double, the check of gradients and the row in "
         "the\n"
         "benchmark. Region pooling and row gathering have no description yet; they are tested beside their headers "
         "(`tests/unit/backend/cpu`).\n\n"
         "| operation | computes | refuses | float within | FLOPs, MB of the measured shape | engine `portable` | engine `fast` |\n"
         "| --- | --- | --- | --- | --- | --- | --- |\n";
  for_each_op([&]<class Op>() {
    auto const p = Op::measured();
    char cost[160];
    std::snprintf(cost, sizeof cost, "%.3g M, %.3g (%s)", Op::operations(p) / 1e6, bytes<Op>(p) / 1e6, Op::shape_text(p).c_str());
    char tolerance[32];
    std::snprintf(tolerance, sizeof tolerance, "%.0e", Op::tolerance);
    all << "| `" << Op::name << "` | " << Op::computes << " | " << (*Op::refuses ? Op::refuses : "nothing") << " | " << tolerance << " | "
        << cost << " | yes | " << Op::fast << " |\n";
  });
  return all.str();
}

}  // namespace

TEST_CASE("described ops: every engine gives what the portable one gives in double, forward and backward") {
  cpu::context oracle({.threads = 1, .engine = cpu_engine::portable});
  for_each_op([&]<class Op>() {
    CAPTURE(Op::name);
    for (auto const& p : Op::problems()) {
      CAPTURE(Op::shape_text(p));
      auto const expected = run<Op, double>(oracle, p);
      auto const compare = [&](auto const& found, double tolerance) {
        CHECK(near(found.out, expected.out, tolerance));
        for (std::size_t i = 0; i < expected.din.size(); ++i) CHECK(near(found.din[i], expected.din[i], tolerance));
      };
      for (auto const& options : tests::engines(2)) {
        CAPTURE(tests::name(options));
        cpu::context c(options);
        compare(run<Op, float>(c, p), Op::tolerance);
        compare(run<Op, double>(c, p), 1e-9);
      }
    }
  });
}

TEST_CASE("described ops: gradients are derivatives") {
  cpu::context c({.threads = 1, .engine = cpu_engine::portable});
  for_each_op([&]<class Op>() {
    CAPTURE(Op::name);
    for (auto const& p : Op::problems()) {
      if (Op::output(p) == 0) continue;
      CAPTURE(Op::shape_text(p));
      auto const found = run<Op, double>(c, p);
      auto const g = numbers<double>(Op::output(p), 99);
      arrays<double> in;
      for (auto const n : Op::inputs(p)) in.push_back(numbers<double>(n, in.size()));
      auto out = nothing<double>(Op::output(p));
      auto const loss = [&] {
        Op::template forward<double>(c, p, in, out);
        double sum = 0;
        for (std::size_t i = 0; i < g.size(); ++i) sum += g[i] * out[i];
        return sum;
      };
      for (std::size_t i = 0; i < in.size(); ++i) {
        if (in[i].empty()) continue;  // not there
        auto const report = testing::gradcheck(loss, std::span(in[i]), found.din[i], {.samples = 60});
        CHECK_MESSAGE(report.ok, report.describe());
      }
    }
  });
}

TEST_CASE("described ops: what must be refused is, on every engine") {
  for_each_op([&]<class Op>() {
    CAPTURE(Op::name);
    CHECK(Op::refused().empty() == (*Op::refuses == 0));
    for (auto const& options : tests::engines(1)) {
      cpu::context c(options);
      for (auto const& call : Op::refused()) CHECK(sentence([&] { call(c); }) != "nothing");
    }
  });
}

TEST_CASE("described ops: docs/backends.md is current") {
  auto const path = std::filesystem::path(__FILE__).parent_path() / "../../../docs/backends.md";
  if (std::getenv("FRCNN_WRITE_DOCS")) std::ofstream(path) << page();
  std::ifstream file(path);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == page());
}
