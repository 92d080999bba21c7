// Ops of the CUDA backend on the host launcher where they are hardest: what the descriptions of tests/ops, which test_ops compares for every
// backend, do not have. The CPU's portable engine says what is right.
#include "frcnn/backend/cuda/host/ops.hpp"
#include "../../ops/roi_align.hpp"
#include "../../ops/roi_pool.hpp"
#include "../../ops/roi_warp.hpp"
#include "../sentence.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/backend/cuda/bf16.hpp"
#include "frcnn/backend/cuda/conv_choices.hpp"
#include "frcnn/backend/cuda/host/executor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <locale>
#include <string>
#include <vector>

using namespace frcnn;
using ops_described::ints;
using device = cuda_on_host;

namespace {

constexpr thread_order every_order[] = {thread_order::ascending, thread_order::descending, thread_order::shuffled};
constexpr float no_number = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
cpu_options const portable{.threads = 1, .engine = cpu_engine::portable};

using arrays = std::vector<std::vector<float>>;

// Each array within so much of its largest number; NaN where NaN is.
bool near(arrays const& a, arrays const& b, double tolerance) {
  if (a.size() != b.size()) return false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < b[k].size() && a[k].size() == b[k].size(); ++i) {
      if (std::isnan(a[k][i]) && std::isnan(b[k][i])) continue;
      double const apart = std::abs(static_cast<double>(a[k][i]) - static_cast<double>(b[k][i]));
      if (!(apart <= 1e30)) return false;
      worst = std::max(worst, apart);
      largest = std::max(largest, std::abs(static_cast<double>(b[k][i])));
    }
    if (a[k].size() != b[k].size() || worst > tolerance * largest) return false;
  }
  return true;
}
bool same_bits(arrays const& a, arrays const& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t k = 0; k < a.size(); ++k)
    if (a[k].size() != b[k].size() || (!a[k].empty() && std::memcmp(a[k].data(), b[k].data(), a[k].size() * sizeof(float)) != 0))
      return false;
  return true;
}

// An operation on regions with corners and counts of the test's own: outputs, gradients, and what was found.
struct given_regions {
  ops_described::regions::problem p;
  std::vector<float> corners;  // of every row
  ints counts;                 // of every image
};
struct results {
  arrays out, din;
  std::vector<ints> found;
};
template <class Op, class B>
results run(typename B::context& c, given_regions const& g) {
  auto s = ops_described::signature::of<Op>(g.p);
  s.inputs[static_cast<std::size_t>(g.p.levels)].values = g.corners;
  s.indices[0] = g.counts;
  auto r = ops_described::make<float, B>(c, s, ops_described::contents<float>(s.inputs), true);
  Op::forward(r, g.p);
  Op::backward(r, g.p);
  results all;
  for (auto const& a : r.out) all.out.push_back(a.read(c));
  for (auto const& a : r.din) all.din.push_back(a.read(c));
  for (auto const& a : r.found) all.found.push_back(a.read(c));
  return all;
}
template <class Op>
void compare(given_regions const& g, double tolerance = 1e-5) {
  CAPTURE(Op::name);
  cpu::context plain(portable);
  auto const expected = run<Op, cpu>(plain, g);
  results first;
  for (auto const order : every_order) {
    device::context c({.order = order});
    auto const found = run<Op, device>(c, g);
    if (order == thread_order::ascending) {
      CHECK(near(found.out, expected.out, tolerance));
      CHECK(near(found.din, expected.din, tolerance));
      if (Op::compares_found) CHECK(found.found == expected.found);
      first = found;
    } else {
      CHECK(same_bits(found.out, first.out));
      CHECK(same_bits(found.din, first.din));
      CHECK(found.found == first.found);
    }
  }
}
void compare_all(given_regions const& g, double tolerance = 1e-5) {
  compare<ops_described::roi_align>(g, tolerance);
  compare<ops_described::roi_pool>(g, tolerance);
  compare<ops_described::roi_warp>(g, tolerance);
}

// Two images with `each` regions; corners of row i: f(i).
template <class F>
given_regions regions_of(int each, ints counts, F f) {
  given_regions g{{{{2, 5, 7, 9}}, 1, each, 3}, {}, std::move(counts)};
  for (int i = 0; i < 2 * each; ++i) {
    box<float> const b = f(i);
    g.corners.insert(g.corners.end(), {b.x1, b.y1, b.x2, b.y2});
  }
  return g;
}

template <class T>
buffer<T, device> on_device(device::context& c, std::vector<T> const& v) {
  buffer<T, device> b(c, v.size());
  from_host(c, v, view<T, 1, device>{b.data(), {{static_cast<std::int32_t>(v.size())}}});
  return b;
}
std::vector<float> values_of(device::context& c, buffer<float, device> const& b, std::size_t n) {
  return to_host(c, view<float, 1, device>{b.data(), {{static_cast<std::int32_t>(n)}}});
}

}  // namespace

TEST_CASE("cuda ops: more regions than a block has threads, of which each cell is read by some") {
  ops_described::stream s(5);
  compare_all(regions_of(300, {300, 257},
                         [&](int) {
                           float const x = s.in(0, 60), y = s.in(0, 45);
                           return box<float>{x, y, x + s.in(1, 30), y + s.in(1, 25)};
                         }),
              3e-5);
}

TEST_CASE("cuda ops: all regions equal, none, counts that are none and counts beyond the capacity") {
  box<float> const one{5, 3, 41, 37};
  auto const same = [&](int) { return one; };
  compare_all(regions_of(140, {140, 140}, same), 3e-5);
  compare_all(regions_of(4, {0, 0}, same));
  compare_all(regions_of(4, {-3, 1 << 30}, same));
}

TEST_CASE("cuda ops: regions that are not finite, mirrored, without area, far beyond the map") {
  box<float> const worst[] = {{no_number, 1, 20, 30},
                              {3, no_number, no_number, 30},
                              {-infinity, 2, infinity, 40},
                              {infinity, 3, infinity, 9},
                              {40, 30, 10, 5},
                              {20, 20, 20, 20},
                              {1e30f, -1e30f, 2e30f, 1e30f},
                              {-500, -500, -400, -400},
                              {-8, -8, 80, 64},
                              {71.5f, 55.5f, 72, 56},
                              {0, 0, 72, 56},
                              {16, 16, 16.01f, 40}};
  compare_all(regions_of(12, {12, 12}, [&](int i) { return worst[i % 12]; }), 3e-5);
}

TEST_CASE("cuda ops: a region does not read what has no weight") {
  // NaN beside the cells that are read: rows and columns 4 and on.
  given_regions g = regions_of(1, {1, 1}, [](int) { return box<float>{8, 8, 16, 16}; });
  device::context c;
  auto s = ops_described::signature::of<ops_described::roi_align>(g.p);
  for (std::size_t i = 0; i < s.inputs[0].dims.size(); ++i) s.inputs[0].values.push_back(i % 9 >= 4 || i / 9 % 7 >= 4 ? no_number : 1.f);
  s.inputs[1].values = g.corners;
  s.indices[0] = g.counts;
  auto r = ops_described::make<float, device>(c, s, ops_described::contents<float>(s.inputs), false);
  ops_described::roi_align::forward(r, g.p);
  for (float const v : r.out[0].read(c)) CHECK(v == doctest::Approx(1));
}

TEST_CASE("cuda ops: a NaN stays") {
  device::context c;
  std::vector<float> const x{1, no_number, -2, 3, -4, no_number, 6, -7};
  shape<4> const dims{{1, 2, 2, 2}};
  auto a = on_device(c, x), zero = on_device(c, std::vector<float>(8)), y = on_device(c, std::vector<float>(8));
  auto const map = [&](buffer<float, device>& b) { return device::context::make_at<float>(b.data(), dims); };
  ops::add_maps<device>::forward<float>(c, true, map(a), map(zero), map(y));
  CHECK(same_bits({values_of(c, y, 8)}, {{1, no_number, 0, 3, 0, no_number, 6, 0}}));

  detail::add_epilogue<float, device>(c, a.data(), 4, 2, zero.data(), zero.data(), true);
  CHECK(same_bits({values_of(c, a, 8)}, {{1, no_number, 0, 3, 0, no_number, 6, 0}}));

  auto in = on_device(c, x), out = on_device(c, std::vector<float>(2));
  ops::max_pool<device>::forward<float>(c, {2, 2}, map(in), device::context::make_at<float>(out.data(), {{1, 2, 1, 1}}), {});
  CHECK(values_of(c, out, 2)[0] == 6);
  CHECK(std::isnan(values_of(c, out, 2)[1]));
}

TEST_CASE("cuda ops: the sum of a column over more rows than 256 runs of 512") {
  constexpr std::size_t rows = 150000, columns = 3;
  std::vector<float> y(rows * columns), dy(rows * columns);
  ops_described::stream s(11);
  std::vector<double> expected(columns, 1.);
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = s.bell(), dy[i] = s.in(0, 1);
    if (y[i] > 0) expected[i % columns] += static_cast<double>(dy[i]);
  }
  std::vector<float> first;
  for (auto const order : every_order) {
    device::context c({.order = order});
    auto const out = on_device(c, y);
    auto const d = on_device(c, dy), sum = on_device(c, std::vector<float>(columns, 1));
    detail::mask_and_sum<float, device>(c, true, out.data(), d.data(), rows, columns, sum.data(), writing::add);
    auto const found = values_of(c, sum, columns);
    for (std::size_t i = 0; i < columns; ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-6));
    if (order == thread_order::ascending) first = found;
    else CHECK(same_bits({found}, {first}));
  }
}

TEST_CASE("cuda ops: what an image's rows give does not depend on the other images") {
  device::context c;
  constexpr int rows = 37, k = 70, n = 45;
  auto const numbers = [](std::size_t count, std::uint64_t seed) {
    std::vector<float> v(count);
    ops_described::stream s(seed);
    for (float& f : v) f = s.bell();
    return v;
  };
  auto x = on_device(c, numbers(3 * rows * k, 1)), w = on_device(c, numbers(n * k, 2)), b = on_device(c, numbers(n, 3));
  auto y = on_device(c, std::vector<float>(3 * rows * n)), alone = on_device(c, std::vector<float>(rows * n));
  view<float const, 1, device> const weight{w.data(), {{n * k}}}, bias{b.data(), {{n}}};
  using op = ops::linear<device>;
  op::forward<float>(c, true, view<float const, 2, device>{x.data(), {{3 * rows, k}}}, weight, bias,
                     view<float, 2, device>{y.data(), {{3 * rows, n}}}, nullptr, 0, 3);
  auto const all = values_of(c, y, 3 * rows * n);
  for (int i = 0; i < 3; ++i) {
    op::forward<float>(c, true, view<float const, 2, device>{x.data() + i * rows * k, {{rows, k}}}, weight, bias,
                       view<float, 2, device>{alone.data(), {{rows, n}}});
    CHECK(same_bits({values_of(c, alone, rows * n)}, {{all.begin() + i * rows * n, all.begin() + (i + 1) * rows * n}}));
  }
}

TEST_CASE("cuda ops: factors in bf16 are rounded to nearest, ties to even") {
  auto const bits = [](float v) { return __builtin_bit_cast(std::uint32_t, v); };
  auto const number = [](std::uint32_t b) { return __builtin_bit_cast(float, b); };
  CHECK(detail::to_bf16(1) == 0x3f80);
  CHECK(detail::to_bf16(number(0x3f808000)) == 0x3f80);  // half way, to even
  CHECK(detail::to_bf16(number(0x3f818000)) == 0x3f82);
  CHECK(detail::to_bf16(number(0x3f808001)) == 0x3f81);
  CHECK(detail::to_bf16(-infinity) == 0xff80);
  CHECK(detail::to_bf16(std::numeric_limits<float>::max()) == 0x7f80);  // to infinity
  CHECK(std::isnan(detail::from_bf16(detail::to_bf16(number(0x7f800001)))));
  CHECK(bits(detail::from_bf16(0xc123)) == 0xc1230000u);
}

TEST_CASE("cuda ops: plans of convolutions are written and read, those of another device refused") {
  conv_choices chosen;
  conv_key const a{0, 64, 64, 3, 1, 1, 1, 608, 800, 0, 1, 0}, b{2, 64, 32, 1, 2, 0, 4, 3, 5, 1, 0, 3};
  chosen.put(a, {1, 1, std::size_t{5} << 32});
  chosen.put(b, {4, 3, 0});
  auto const text = chosen.text("a GPU, cuDNN 9");
  conv_choices read;
  read.read(text, "a GPU, cuDNN 9");
  CHECK(read.size() == 2);
  CHECK(read.find(a) == conv_choice{1, 1, std::size_t{5} << 32});
  CHECK(read.find(b) == conv_choice{4, 3, 0});
  CHECK(!read.find({}));
  CHECK(sentence([&] { read.read(text, "a GPU, cuDNN 10"); }) ==
        "convolution plans: expected \"frcnn convolution plans of a GPU, cuDNN 10\", found \"frcnn convolution plans of a GPU, cuDNN 9\"");
  for (std::string const bad : {"0 64", "0 64 64 3 1 1 1 608 800 0 1 0 : 1 1", "0 64 64 3 1 1 1 608 800 0 1 0 : 1 1 5 6", "x"}) {
    conv_choices none;
    CHECK(sentence([&] { none.read(text + bad + "\n", "a GPU, cuDNN 9"); }) ==
          "convolution plans, line 4: expected 12 numbers, a colon and 3 numbers, found \"" + bad + "\"");
    CHECK(none.size() == 0);
  }
  // A run that goes on elsewhere measures anew, and says so; where the plans are its own, it takes them in silence.
  std::vector<std::string> said;
  auto const warn = [&](std::string const& sentence) { said.push_back(sentence); };
  conv_choices resumed;
  resumed.read_or_warn(text, "a GPU, cuDNN 9", warn);
  CHECK(resumed.size() == 2);
  CHECK(said.empty());
  conv_choices elsewhere;
  elsewhere.read_or_warn(text, "another GPU, cuDNN 9", warn);
  CHECK(elsewhere.size() == 0);
  REQUIRE(said.size() == 1);
  CHECK(said[0] ==
        "convolution plans: expected \"frcnn convolution plans of another GPU, cuDNN 9\", found \"frcnn convolution plans of a GPU, cuDNN "
        "9\": "
        "plans are measured anew, so that the run goes on equal within rounding, not in every bit");
}

TEST_CASE("conv_choices: numbers are as in C, whatever the program's locale writes") {
  struct grouped : std::numpunct<char> {  // 1234567 as 1.234.567
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
    char do_decimal_point() const override { return ','; }
  };
  conv_key const key{0, 25088, 4096, 3, 1, 1, 1, 1608, 2800, 0, 1, 0};
  conv_choices chosen, read;
  chosen.put(key, {1, 1, 8912896});
  auto const plain = chosen.text("a GPU");
  struct restored {
    std::locale before;
    ~restored() { std::locale::global(before); }
  } const after{std::locale::global(std::locale(std::locale::classic(), new grouped))};
  CHECK(plain == chosen.text("a GPU"));
  CHECK(plain.find(" 25088 4096 ") != std::string::npos);
  read.read(plain, "a GPU");
  CHECK(read.find(key) == conv_choice{1, 1, 8912896});
}
