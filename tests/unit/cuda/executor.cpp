// Each word of the CUDA backend's executor against the CPU's, element by element, on the host launcher with threads in any order: on numbers
// as they come, and on the worst of them.
#include "../../ops/numbers.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/ops/nms.hpp"
#include "frcnn/ops/sum_terms.hpp"
#include "on_both.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

using namespace cuda_tests;
using ops_described::stream;

namespace {

using device = cuda_on_host;
using indices = std::vector<std::int32_t>;

// A view for either: both have the host's memory.
template <class B, class T, std::convertible_to<int>... I>
auto over(std::vector<T>& v, I... extents) {
  return view<T, sizeof...(I), B>{v.data(), {{static_cast<std::int32_t>(extents)...}}};
}

template <class Key>
void check_sort(std::vector<Key> keys, int segments, int m) {
  int const k = static_cast<int>(keys.size()) / std::max(segments, 1);
  CAPTURE(segments);
  CAPTURE(k);
  CAPTURE(m);
  expected_from_cpu<indices, indices> both;
  on_both([&](auto& c, auto b) {
    using B = decltype(b);
    indices order(static_cast<std::size_t>(segments) * static_cast<std::size_t>(m), -7), live(static_cast<std::size_t>(segments), -7);
    exec<B>::segmented_sort(c, over<B>(keys, segments, k), over<B>(order, segments, m), over<B>(live, segments));
    both.compare(b, order, live);
  });
}

// Many equal, dead and strange ones.
template <class Key>
std::vector<Key> strange_keys(std::size_t n, std::uint64_t seed) {
  stream s(seed);
  std::vector<Key> keys(n);
  for (auto& v : keys) {
    v = static_cast<Key>(s.below(20));
    if constexpr (std::is_signed_v<Key>) v = static_cast<Key>(v - 10);
    if (s.below(5) == 0) v = dead_key<Key>;
    if constexpr (std::is_floating_point_v<Key>) {
      using limits = std::numeric_limits<Key>;
      Key const some[] = {limits::quiet_NaN(),  -limits::quiet_NaN(),  limits::infinity(), -limits::infinity(), Key(-0.),
                          limits::denorm_min(), -limits::denorm_min(), limits::max()};
      if (s.below(3) == 0) v = some[s.below(8)];
    } else if (s.below(10) == 0) {
      v = std::numeric_limits<Key>::max();
    }
  }
  return keys;
}

template <class T>
std::vector<box<T>> boxes_of(std::vector<box<float>> const& from) {
  std::vector<box<T>> all;
  for (auto const& b : from) all.push_back(b.template as<T>());
  return all;
}

template <class T>
void check_nms(std::vector<box<T>> boxes, indices counts, int m, double threshold) {
  int const segments = static_cast<int>(counts.size()), k = static_cast<int>(boxes.size()) / segments;
  CAPTURE(k);
  CAPTURE(m);
  CAPTURE(threshold);
  expected_from_cpu<indices, indices> both;
  on_both([&](auto& c, auto b) {
    using B = decltype(b);
    indices survivors(static_cast<std::size_t>(segments) * static_cast<std::size_t>(m), -7), n(counts.size(), -7);
    exec<B>::nms_sweep(c, counted<box<T>, 2, B>{over<B>(boxes, segments, k), over<B>(counts, segments)},
                       ops::suppress_above<conventions::torchvision, T>{static_cast<T>(threshold)},
                       counted<std::int32_t, 2, B>{over<B>(survivors, segments, m), over<B>(n, segments)});
    both.compare(b, survivors, n);
  });
}

struct count_visit {
  int* seen;
  FRCNN_HD void operator()(std::size_t i) const { ++seen[i]; }
};
struct number {
  FRCNN_HD std::int64_t operator()(int s, int i) const { return s + i; }
};
struct last_of {
  FRCNN_HD std::int64_t operator()(std::int64_t, std::int64_t b) const { return b; }
};
struct first_of {
  FRCNN_HD std::int64_t operator()(std::int64_t a, std::int64_t) const { return a; }
};
struct larger {
  FRCNN_HD float operator()(float a, float b) const { return a < b ? b : a; }
};
template <class T>
struct item {
  T const* x;
  int k;
  FRCNN_HD T operator()(int s, int i) const {
    return x[static_cast<std::size_t>(s) * static_cast<std::size_t>(k) + static_cast<std::size_t>(i)];
  }
};

}  // namespace

TEST_CASE("cuda for_each: every index once") {
  for (std::size_t n : {0u, 1u, 256u, 257u, 5000u})
    on_both([&]<class B>(auto& c, B) {
      std::vector<int> seen(n);
      exec<B>::for_each(c, n, count_visit{seen.data()});
      CHECK(seen == std::vector<int>(n, 1));
    });
}

TEST_CASE_TEMPLATE("cuda segmented_sort: ties, dead keys, NaN and infinities in the CPU's order", Key, float, double, std::uint32_t) {
  struct shape_of_sort {
    int segments, k, m;
  };
  for (auto const& p : std::vector<shape_of_sort>{{1, 1, 1},
                                                  {3, 2, 2},
                                                  {2, 0, 3},
                                                  {0, 5, 2},
                                                  {2, 5, 0},
                                                  {2, 10, 25},
                                                  {70, 300, 100},
                                                  {2, 2048, 2048},
                                                  {2, 2049, 3000},
                                                  {3, 4097, 64},
                                                  {1, 10300, 6000},
                                                  {2, 5000, 0}})
    check_sort(strange_keys<Key>(static_cast<std::size_t>(p.segments) * static_cast<std::size_t>(p.k), 5), p.segments, p.m);
}

TEST_CASE("cuda segmented_sort: all keys equal, all dead, all NaN, already sorted either way, one alive") {
  for (int const k : {7, 2048, 9000}) {
    auto const n = static_cast<std::size_t>(k);
    std::vector<float> rising(n), falling(n), lonely(n, dead_key<float>);
    std::iota(rising.begin(), rising.end(), -3.f);
    for (std::size_t i = 0; i < n; ++i) falling[i] = -rising[i];
    lonely[n - 1] = -std::numeric_limits<float>::infinity();
    for (auto const& keys : {std::vector<float>(n, 1.5f), std::vector<float>(n, dead_key<float>),
                             std::vector<float>(n, std::numeric_limits<float>::quiet_NaN()), rising, falling, lonely})
      for (int const m : {1, k - 1, k, k + 1}) check_sort(keys, 1, m);
  }
  // Anchors of vgg16_tv, most of them as they come, and every pair of neighbours equal.
  stream s(3);
  std::vector<float> anchors(17100);
  for (std::size_t i = 0; i < anchors.size(); ++i) anchors[i] = i % 2 ? anchors[i - 1] : s.bell();
  check_sort(anchors, 1, 6000);
  check_sort(anchors, 1, 12000);
}

TEST_CASE("cuda scan: in place, in a wider type, and sums of many tiles") {
  for (int const k : {0, 1, 3, 2048, 2049, 10000}) {
    CAPTURE(k);
    stream s(2);
    indices in(3 * static_cast<std::size_t>(k));
    for (auto& v : in) v = s.below(7) - 2;
    expected_from_cpu<indices, std::vector<std::int64_t>> both;
    on_both([&]<class B>(auto& c, B b) {
      indices same = in;
      std::vector<std::int64_t> wide(in.size());
      exec<B>::scan(c, over<B>(same, 3, k), over<B>(same, 3, k));
      exec<B>::scan(c, over<B>(in, 3, k), over<B>(wide, 3, k));
      both.compare(b, same, wide);
    });
  }
}

TEST_CASE_TEMPLATE("cuda select: none, all, and as many as there is room for", Flag, std::uint8_t, std::int32_t) {
  for (int const k : {0, 5, 4096, 4097, 12000})
    for (int const m : {0, 1, k / 3, k, k + 3})
      for (int const one_in : {0, 1, 3, 300}) {
        CAPTURE(k);
        CAPTURE(m);
        CAPTURE(one_in);
        stream s(2);
        std::vector<Flag> flags(2 * static_cast<std::size_t>(k));
        for (auto& v : flags) v = static_cast<Flag>(one_in > 0 && s.below(one_in) == 0 ? 1 + s.below(2) : 0);
        expected_from_cpu<indices, indices> both;
        on_both([&]<class B>(auto& c, B b) {
          indices index(2 * static_cast<std::size_t>(m), -7), count(2, -7);
          exec<B>::select(c, over<B>(flags, 2, k), over<B>(index, 2, m), over<B>(count, 2));
          both.compare(b, index, count);
        });
      }
}

TEST_CASE("cuda segmented_reduce: in the order of the items, from the first") {
  for (int const k : {0, 1, 256, 257, 4096, 4097, 9000, 300000}) {
    CAPTURE(k);
    expected_from_cpu<std::vector<std::int64_t>, std::vector<std::int64_t>, std::vector<std::int64_t>> both;
    on_both([&]<class B>(auto& c, B b) {
      std::vector<std::int64_t> last(3), first(3), sum(3);
      exec<B>::segmented_reduce(c, 3, k, std::int64_t{-1}, number{}, last_of{}, over<B>(last, 3));
      exec<B>::segmented_reduce(c, 3, k, std::int64_t{-1}, number{}, first_of{}, over<B>(first, 3));
      exec<B>::segmented_reduce(c, 3, k, std::int64_t{-1}, number{}, ops::plus<std::int64_t>{}, over<B>(sum, 3));
      both.compare(b, last, first, sum);
    });
  }
}

TEST_CASE("cuda segmented_reduce: equal bits in every order; maxima are the CPU's, sums within rounding") {
  stream s(7);
  constexpr int k = 20000;
  std::vector<float> x(2 * k);
  for (auto& v : x) v = s.bell();
  std::vector<double> first;
  expected_from_cpu<std::vector<float>> both;
  on_both([&]<class B>(auto& c, B b) {
    std::vector<float> most(2);
    std::vector<double> sum(2);
    exec<B>::segmented_reduce(c, 2, k, -1e30f, item<float>{x.data(), k}, larger{}, over<B>(most, 2));
    both.compare(b, most);
    exec<B>::segmented_reduce(c, 2, k, .5, item<float>{x.data(), k}, ops::plus<double>{}, over<B>(sum, 2));
    if constexpr (std::is_same_v<B, device>) {
      if (first.empty()) first = sum;
      CHECK(sum == first);
    }
    for (std::size_t i = 0; i < 2; ++i) CHECK(sum[i] == doctest::Approx(.5 + std::accumulate(&x[i * k], &x[i * k] + k, 0.)).epsilon(1e-12));
  });
}

TEST_CASE_TEMPLATE("cuda nms_sweep: the CPU's survivors", T, float, double) {
  stream s(3);
  std::vector<box<T>> loose(3 * 300);
  for (auto& b : loose) {
    T const x = T(s.in(0, 100)), y = T(s.in(0, 100));
    b = {x, y, x + T(s.in(-1, 40)), y + T(s.in(5, 40))};  // some with a negative side
  }
  std::copy_n(loose.begin(), 20, loose.begin() + 40);
  for (double const threshold : {-1., 0., .3, .7, 2.})
    for (int const m : {0, 1, 20, 33, 300, 400}) check_nms<T>(loose, {300, 0, 150}, m, threshold);
  auto const crowd = boxes_of<T>(ops_described::crowded_boxes(3000, 600, 800, 400));
  for (int const m : {1, 64, 300, 3000}) check_nms<T>(crowd, {3000}, m, .7);
}

TEST_CASE("cuda nms_sweep: all boxes equal, none overlapping, no area, not a number") {
  constexpr int n = 700;
  std::vector<box<float>> equal(n, {1, 2, 30, 40}), apart(n), empty(n, {5, 5, 5, 5}), strange(n);
  stream s(11);
  float const nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (int i = 0; i < n; ++i) {
    float const at = static_cast<float>(i) * 10;
    apart[static_cast<std::size_t>(i)] = {at, 0, at + 9, 9};
    float corner[4];
    for (auto& v : corner) v = s.below(8) == 0 ? (s.below(2) ? nan : inf) : s.in(0, 60);
    strange[static_cast<std::size_t>(i)] = {corner[0], corner[1], corner[2] + 20, corner[3] + 20};
  }
  for (auto const& boxes : {equal, apart, empty, strange})
    for (double const threshold : {0., .5})
      for (int const m : {1, 63, 64, 65, n}) check_nms<float>(boxes, {n}, m, threshold);
}

TEST_CASE("cuda nms_sweep: ten thousand boxes, more survivors than a tile, and a suppression that crosses tiles") {
  auto const crowd = ops_described::crowded_boxes(10000, 600, 800, 2000);
  check_nms<float>(crowd, {10000}, 2000, .7);
  check_nms<float>(crowd, {5000, 4999}, 300, .3);  // two segments
  // Box i and box i + 64 are one: every second tile dies by the one before it.
  std::vector<box<float>> pairs(512);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    float const at = static_cast<float>(i / 128 * 64 + i % 64) * 10;
    pairs[i] = {at, 0, at + 9, 9};
  }
  check_nms<float>(pairs, {512}, 512, .5);
}
