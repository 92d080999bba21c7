// What every described operation (tests/ops) must do on every backend.
#include "../../ops/all.hpp"
#include "../../ops/backends.hpp"
#include "../sentence.hpp"
#include "frcnn/testing/gradcheck.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

using namespace frcnn;
using namespace ops_described;

namespace {

using reference = cpu;  // the portable engine in double
cpu_options const portable{.threads = 1, .engine = cpu_engine::portable};

// Problem i of a description, without its type: what tests do with it is compiled once for all operations.
struct described {
  std::string name;
  double tolerance;
  bool compares_found;
  std::size_t problems;
  std::string (*text)(std::size_t i);
  signature (*arrays)(std::size_t i);
  bool (*adds)(std::size_t i, std::size_t input);
  bool (*keeps_bits)(std::size_t input);
  bool (*is_smooth)(std::size_t i);
  // The definition, of every step-th element of the output and of what is found.
  doubles (*defined)(std::size_t i, std::vector<doubles> const& in, std::size_t step);
  std::vector<ints> (*chosen)(std::size_t i, std::vector<doubles> const& in);
};
template <class Op>
std::vector<typename Op::problem> const& problems_of() {
  static auto const all = Op::problems();
  return all;
}
template <class Op>
described describe() {
  static constexpr auto at = [](std::size_t i) -> typename Op::problem const& { return problems_of<Op>()[i]; };
  return {.name = Op::name,
          .tolerance = Op::tolerance,
          .compares_found = Op::compares_found,
          .problems = problems_of<Op>().size(),
          .text = [](std::size_t i) { return Op::text(at(i)); },
          .arrays = [](std::size_t i) { return signature::of<Op>(at(i)); },
          .adds = [](std::size_t i, std::size_t input) { return Op::adds(at(i), input); },
          .keeps_bits = [](std::size_t input) { return Op::keeps_bits(input); },
          .is_smooth = [](std::size_t i) { return Op::is_smooth(at(i)); },
          .defined = [](std::size_t i, std::vector<doubles> const& in, std::size_t step) -> doubles {
            auto const& p = at(i);
            doubles some;
            auto const index = Op::indices(p);
            if constexpr (requires { Op::whole(p, in, index); }) {
              auto const all = Op::whole(p, in, index);
              for (std::size_t j = 0; j < all.size(); j += step) some.push_back(all[j]);
            } else if constexpr (requires { Op::defined(p, in, index, step); }) {
              for (std::size_t j = 0, n = Op::outputs(p)[0].dims.size(); j < n; j += step) some.push_back(Op::defined(p, in, index, j));
            }
            return some;
          },
          .chosen = [](std::size_t i, std::vector<doubles> const& in) -> std::vector<ints> {
            auto const& p = at(i);
            auto const index = Op::indices(p);
            if constexpr (requires { Op::chosen(p, in, index); }) return Op::chosen(p, in, index);
            else return {};
          }};
}
// The same on a backend.
template <class T, class B>
struct passes {
  void (*forward)(operands<T, B>&, std::size_t i);
  void (*backward)(operands<T, B>&, std::size_t i);

  template <class Op>
  static passes of() {
    return {[](operands<T, B>& r, std::size_t i) { Op::forward(r, problems_of<Op>()[i]); },
            [](operands<T, B>& r, std::size_t i) { Op::backward(r, problems_of<Op>()[i]); }};
  }
};

template <class T>
struct results {
  std::vector<std::vector<T>> out, din;
  std::vector<ints> found;
};
template <class T, class B>
results<T> run(typename B::context& c, passes<T, B> const& op, std::size_t i, signature const& arrays, writing how = writing::set) {
  results<T> all;
  auto r = make<T, B>(c, arrays, contents<T>(arrays.inputs), true, how);
  op.forward(r, i);
  if (!r.din.empty()) op.backward(r, i);
  for (auto const& a : r.out) all.out.push_back(a.read(c));
  for (auto const& a : r.din) all.din.push_back(a.read(c));
  for (auto const& a : r.found) all.found.push_back(a.read(c));
  return all;
}

template <class T>
bool near(std::vector<T> const& a, doubles const& b, double tolerance) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < b.size() && a.size() == b.size(); ++i) {
    double const apart = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(apart <= std::numeric_limits<double>::max())) return false;
    worst = std::max(worst, apart);
    largest = std::max(largest, std::abs(b[i]));
  }
  return a.size() == b.size() && worst <= tolerance * largest;
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// What one backend computes in T, set and added.
template <class T, class B>
results<T> check_backend(typename B::context& c, described const& op, passes<T, B> const& call, std::size_t problem,
                         signature const& arrays, results<double> const& expected, double tolerance) {
  auto set = run<T, B>(c, call, problem, arrays);
  for (std::size_t i = 0; i < expected.out.size(); ++i) CHECK(near(set.out[i], expected.out[i], tolerance));
  for (std::size_t i = 0; i < expected.din.size(); ++i) {
    CAPTURE(i);
    CHECK(near(set.din[i], expected.din[i], tolerance));
  }
  if (op.compares_found) CHECK(set.found == expected.found);
  if (set.din.empty()) return set;
  auto const added = run<T, B>(c, call, problem, arrays, writing::add);
  for (std::size_t i = 0; i < set.din.size(); ++i) {
    CAPTURE(i);
    if (!op.adds(problem, i)) continue;
    auto sum = contents<double>(array{arrays.inputs[i].dims}, seed_of_before + i);
    for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += expected.din[i][j];
    CHECK(near(added.din[i], sum, tolerance));
  }
  return set;
}

// Every problem of an operation. `in_double`: none where the backend is not tested in double.
template <class B>
void check_op(std::vector<std::unique_ptr<typename B::context>> const& with, described const& op, passes<double, reference> const& oracle,
              passes<float, B> const& in_float, passes<double, B> const* in_double) {
  reference::context plain(portable);
  CAPTURE(op.name);
  for (std::size_t problem = 0; problem < op.problems; ++problem) {
    CAPTURE(op.text(problem));
    auto const arrays = op.arrays(problem);
    auto const expected = run<double, reference>(plain, oracle, problem, arrays);
    auto const first = check_backend<float, B>(*with[0], op, in_float, problem, arrays, expected, op.tolerance);
    if (in_double) check_backend<double, B>(*with[0], op, *in_double, problem, arrays, expected, op.tolerance > 0 ? 1e-9 : 0);
    for (std::size_t i = 1; i < with.size(); ++i) {
      auto const other = run<float, B>(*with[i], in_float, problem, arrays);
      for (std::size_t j = 0; j < first.out.size(); ++j) CHECK(same_bits(other.out[j], first.out[j]));
      for (std::size_t j = 0; j < first.din.size(); ++j) {
        CAPTURE(j);
        if (op.keeps_bits(j)) CHECK(same_bits(other.din[j], first.din[j]));
      }
      CHECK(other.found == first.found);
    }
  }
}

void check_definition(described const& op, passes<double, reference> const& call) {
  reference::context c(portable);
  CAPTURE(op.name);
  for (std::size_t problem = 0; problem < op.problems; ++problem) {
    CAPTURE(op.text(problem));
    auto const arrays = op.arrays(problem);
    auto const in = contents<double>(arrays.inputs);
    auto const found = run<double, reference>(c, call, problem, arrays);
    if (auto const chosen = op.chosen(problem, in); !chosen.empty()) CHECK(found.found == chosen);
    if (found.out.empty()) continue;
    std::size_t const n = found.out[0].size(), step = n / 1000 + 1;  // some thousand of them: windows and channels of every kind
    doubles some;
    for (std::size_t i = 0; i < n; i += step) some.push_back(found.out[0][i]);
    CHECK(near(some, op.defined(problem, in, step), 1e-9));
  }
}

void check_gradients(described const& op, passes<double, reference> const& call) {
  reference::context c(portable);
  CAPTURE(op.name);
  for (std::size_t problem = 0; problem < op.problems; ++problem) {
    auto const arrays = op.arrays(problem);
    if (arrays.differentiated == 0 || !op.is_smooth(problem) || arrays.outputs[0].dims.size() == 0) continue;
    CAPTURE(op.text(problem));
    auto in = contents<double>(arrays.inputs);
    auto const found = run<double, reference>(c, call, problem, arrays);
    auto const g = contents<double>(array{arrays.outputs[0].dims}, seed_of_dy);
    auto r = make<double, reference>(c, arrays, in, false);
    std::size_t const samples = in[0].size() > 5000 ? 8 : 30;
    std::size_t changed = 0;
    auto const loss = [&] {
      r.in[changed].write(c, in[changed]);
      call.forward(r, problem);
      auto const out = r.out[0].read(c);
      double sum = 0;
      for (std::size_t i = 0; i < g.size(); ++i) sum += g[i] * out[i];
      return sum;
    };
    for (; changed < found.din.size(); ++changed) {
      if (in[changed].empty()) continue;  // not there
      auto const report = testing::gradcheck(loss, std::span(in[changed]), found.din[changed], {.samples = samples});
      CAPTURE(changed);
      CHECK_MESSAGE(report.ok, report.describe());
      loss();  // values are as before
    }
  }
}

template <class B, bool InDouble>
std::vector<std::unique_ptr<typename B::context>> contexts(tested<B, InDouble> const& backend) {
  std::vector<std::unique_ptr<typename B::context>> all;
  for (auto const& o : backend.options) all.push_back(std::make_unique<typename B::context>(o));
  return all;
}

std::string printed(char const* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// docs/backends.md
std::string page() {
  std::ostringstream all;
  all << "# Operations, and what computes them\n\n"
         "Made from the descriptions in `tests/ops` by `FRCNN_WRITE_DOCS=1 build/release/tests/test_ops -tc='*backends.md*'`; a test "
         "compares.\n"
         "The same descriptions drive the tests of every backend (`tests/ops/backends.hpp` lists them) against the portable engine in "
         "double,\n"
         "against the definition and against differences, and the rows in the benchmark.\n\n"
         "Not among them: what is written once on the executor's words (sampling, sums of losses, softmax, targets, the optimiser), or for "
         "the\n"
         "host (resizing, normalisation). It runs on every backend as it is, and is tested beside its header.\n\n"
         "`cuda` is the CUDA backend. What a test compares is its twin on the host ([cuda.md](cuda.md)): the same kernels, with products "
         "of "
         "the\n"
         "portable engine, and threads in every order. `tests/cuda/ops.cu` compares the device.\n\n"
         "| operation | computes | refuses | float within | FLOPs, MB of a measured shape |";
  for_each_backend([&](auto const& backend) { all << " `" << backend.column << "` |"; });
  all << "\n| --- | --- | --- | --- | --- |";
  for_each_backend([&](auto const&) { all << " --- |"; });
  for_each_op([&]<class Op>() {
    auto const p = Op::measured().front().p;
    all << "\n| `" << Op::name << "` | " << Op::computes << " | " << (*Op::refuses ? Op::refuses : "nothing") << " | "
        << (Op::tolerance > 0 ? printed("%.0e", Op::tolerance) : "equal") << " | "
        << (Op::flops(p) > 0 ? printed("%.3g M, ", Op::flops(p) / 1e6) : "") << printed("%.3g", signature::of<Op>(p).bytes() / 1e6) << " ("
        << Op::text(p) << ") |";
    for_each_backend([&](auto const& backend) { all << " " << Op::by(backend.column) << " |"; });
  });
  all << "\n";
  return all.str();
}

}  // namespace

TEST_CASE("described ops: every backend gives what the portable engine gives in double, forward and backward, set and added") {
  for_each_backend([&](auto const& backend) {
    using tested_type = std::remove_cvref_t<decltype(backend)>;
    using B = typename tested_type::device;
    CAPTURE(backend.column);
    auto const with = contexts(backend);
    if (with.empty()) return;
    for_each_op([&]<class Op>() {
      auto const oracle = passes<double, reference>::of<Op>();
      auto const in_float = passes<float, B>::template of<Op>();
      if constexpr (tested_type::in_double) {
        auto const in_double = passes<double, B>::template of<Op>();
        check_op<B>(with, describe<Op>(), oracle, in_float, &in_double);
      } else {
        check_op<B>(with, describe<Op>(), oracle, in_float, nullptr);
      }
    });
  });
}

#if !defined(__CUDACC__)  // tests/cuda/ops.cu is about the device
TEST_CASE("described ops: the portable engine computes the definition") {
  for_each_op([]<class Op>() { check_definition(describe<Op>(), passes<double, reference>::of<Op>()); });
}

TEST_CASE("described ops: gradients are derivatives") {
  for_each_op([]<class Op>() { check_gradients(describe<Op>(), passes<double, reference>::of<Op>()); });
}

#endif

TEST_CASE("described ops: what must be refused is, on every backend") {
  for_each_backend([&](auto const& backend) {
    using B = typename std::remove_cvref_t<decltype(backend)>::device;
    CAPTURE(backend.column);
    for_each_op([&]<class Op>() {
      CAPTURE(Op::name);
      auto const calls = Op::template refused<B>();
      CHECK(calls.empty() == (*Op::refuses == 0));
      for (auto const& c : contexts(backend))
        for (auto const& call : calls)
          CHECK(sentence([&] {
                  call(*c);
                  c->wait();
                }) != "nothing");
    });
  });
}

#if !defined(__CUDACC__)
TEST_CASE("described ops: docs/backends.md is current") {
  auto const path = std::filesystem::path(__FILE__).parent_path() / "../../../docs/backends.md";
  if (std::getenv("FRCNN_WRITE_DOCS")) std::ofstream(path) << page();
  std::ifstream file(path);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == page());
}
#endif
