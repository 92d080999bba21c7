// What the descriptions of the executor's words in tests/ops do not drive: other types of keys and flags, work in place, the order of folding,
// decisions of torchvision's NMS.
#include "frcnn/backend/cpu/executor.hpp"

#include "../../../ops/segmented_sort.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

namespace cpu_tests {

namespace {

using indices = std::vector<std::int32_t>;

template <class Key>
void check_sort(int threads, int segments, int k, int m, std::vector<Key> keys) {
  cpu::context c(threads);
  poison(c);
  indices order(std::size_t(segments) * m, -7), live(segments, -7);
  exec<cpu>::segmented_sort(c, over(keys, shape<2>{{segments, k}}), over(order, shape<2>{{segments, m}}), over(live));
  for (int s = 0; s < segments; ++s) {
    indices expected;
    for (int i = 0; i < k; ++i)
      if (keys[s * k + i] == keys[s * k + i] && keys[s * k + i] != dead_key<Key>) expected.push_back(i);
    std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) { return keys[s * k + a] > keys[s * k + b]; });
    if (static_cast<int>(expected.size()) > m) expected.resize(m);
    CHECK(live[s] == static_cast<int>(expected.size()));
    expected.resize(m, -1);
    CHECK(indices(order.begin() + s * m, order.begin() + (s + 1) * m) == expected);
  }
}

struct above {
  double threshold;
  template <class T>
  bool operator()(T overlap) const {
    return overlap > static_cast<T>(threshold);
  }
};

template <class T>
std::vector<box<T>> random_boxes(std::size_t n) {
  host_rng draws(3, draw::test);
  std::vector<box<T>> boxes(n);
  for (auto& b : boxes) {
    T const x = T(draws.uniform(0, 100)), y = T(draws.uniform(0, 100));
    b = {x, y, x + T(draws.uniform(-1, 40)), y + T(draws.uniform(5, 40))};  // some with a negative side
  }
  return boxes;
}

}  // namespace

TEST_CASE("for_each: every index once") {
  for (std::size_t n : {0u, 3u, 64u, 1000u}) {
    cpu::context c(3);
    std::vector<int> seen(n);
    exec<cpu>::for_each(c, n, [&](std::size_t i) { ++seen[i]; });
    CHECK(seen == std::vector<int>(n, 1));
  }
}

TEST_CASE_TEMPLATE("segmented_sort: against std::stable_sort with ties, dead keys and NaN", Key, float, double, std::int32_t, std::uint32_t,
                   std::int64_t) {
  for (int threads : {1, 2})
    for (auto const& p : ops_described::segmented_sort::problems()) {
      int const segments = p.segments, k = p.keys, m = p.best;
      host_rng draws(5, draw::test);
      std::vector<Key> keys(std::size_t(segments) * k);
      for (auto& v : keys) {
        v = static_cast<Key>(draws.integer(0, 20));
        if constexpr (std::is_signed_v<Key>) v = static_cast<Key>(v - 10);
        if (draws.unit() < 0.2) v = dead_key<Key>;
        if constexpr (std::is_floating_point_v<Key>) {
          if (v == 0 && draws.unit() < 0.5) v = Key(-0.0);  // equal to 0
          if (draws.unit() < 0.1) v = std::numeric_limits<Key>::quiet_NaN();
          if (draws.unit() < 0.05) v = std::numeric_limits<Key>::infinity();
          if (draws.unit() < 0.05) v = -std::numeric_limits<Key>::infinity();
          if (draws.unit() < 0.1) v = std::numeric_limits<Key>::denorm_min() * static_cast<Key>(draws.integer(-3, 3));
        }
      }
      check_sort(threads, segments, k, m, keys);
    }
}

TEST_CASE("segmented_sort: the contract's example, and a segment without a live key") {
  check_sort<float>(1, 1, 4, 4, {3, 1, 3, dead_key<float>});
  check_sort<float>(2, 2, 3, 2, {dead_key<float>, dead_key<float>, std::numeric_limits<float>::quiet_NaN(), 1, 2, 3});
}

TEST_CASE("scan: in place, too") {
  cpu::context c(2);
  std::vector<int> in{1, 2, 3, 10, 20, 30};
  shape<2> const s{{2, 3}};
  exec<cpu>::scan(c, over(in, s), over(in, s));
  CHECK(in == std::vector<int>{0, 1, 3, 0, 10, 30});
}

TEST_CASE("select: flags of a byte") {
  cpu::context c(2);
  std::vector<std::uint8_t> flags{0, 1, 1, 0, 2, 0, 0, 0, 0, 0};
  indices index(6, -7), count(2, -7);
  exec<cpu>::select(c, over(flags, shape<2>{{2, 5}}), over(index, shape<2>{{2, 3}}), over(count));
  CHECK(index == indices{1, 2, 4, -1, -1, -1});
  CHECK(count == indices{3, 0});
}

TEST_CASE("segmented_reduce: items are folded in ascending order, from the first") {
  cpu::context c(2);
  std::vector<std::int64_t> last(1);
  exec<cpu>::segmented_reduce(
      c, 1, 3000, std::int64_t{-1}, [](int, int i) { return std::int64_t{i}; }, [](std::int64_t, std::int64_t b) { return b; }, over(last));
  CHECK(last[0] == 2999);
  std::vector<std::int64_t> ascending(1);
  exec<cpu>::segmented_reduce(
      c, 1, 3000, std::int64_t{-1}, [](int, int i) { return std::int64_t{i}; },
      [](std::int64_t a, std::int64_t b) { return a < b ? b : std::int64_t{1 << 30}; }, over(ascending));
  CHECK(ascending[0] == 2999);
}

TEST_CASE("nms_sweep: the overlaps are iou's, bit for bit") {
  // Only box 0 survives: whatever it does not suppress is left out by M = 1, so the functor sees iou(box i, box 0) alone.
  auto boxes = random_boxes<float>(100);
  std::vector<float> seen;
  struct record {
    std::vector<float>* seen;
    bool operator()(float overlap) const {
      seen->push_back(overlap);
      return true;
    }
  };
  indices counts{100}, survivors(2), count(1);
  cpu::context c(1);
  exec<cpu>::nms_sweep(c, counted<box<float> const, 2, cpu>{{boxes.data(), {{1, 100}}}, over(counts)}, record{&seen},
                       counted<std::int32_t, 2, cpu>{over(survivors, shape<2>{{1, 2}}), over(count)});
  REQUIRE(count[0] == 1);
  std::size_t const lanes = seen.size() / 99;
  REQUIRE(lanes >= 1);
  for (std::size_t i = 1; i < 100; ++i) CHECK(seen[(i - 1) * lanes] == iou(boxes[i], boxes[0]));
}

TEST_CASE_TEMPLATE("nms_sweep: torchvision's decisions", T, float, double) {
  auto const file = golden();
  auto const values = file.read<double>("nms.boxes"), score_values = file.read<double>("nms.scores");
  std::vector<T> scores(score_values.begin(), score_values.end());
  int const k = static_cast<int>(scores.size());
  cpu::context c(2);
  indices order(k), live(1);
  exec<cpu>::segmented_sort(c, over(scores, shape<2>{{1, k}}), over(order, shape<2>{{1, k}}), over(live));
  std::vector<box<T>> boxes(k);
  for (int i = 0; i < k; ++i)
    boxes[i] = {T(values[order[i] * 4]), T(values[order[i] * 4 + 1]), T(values[order[i] * 4 + 2]), T(values[order[i] * 4 + 3])};
  for (int tenths : {3, 5, 7}) {
    indices survivors(k), count(1);
    exec<cpu>::nms_sweep(c, counted<box<T>, 2, cpu>{over(boxes, shape<2>{{1, k}}), over(live)}, above{tenths / 10.0},
                         counted<std::int32_t, 2, cpu>{over(survivors, shape<2>{{1, k}}), over(count)});
    auto const expected = file.read<std::int32_t>("nms.keep" + std::to_string(tenths));
    REQUIRE(count[0] == static_cast<int>(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(order[survivors[i]] == expected[i]);
  }
}

}  // namespace cpu_tests
