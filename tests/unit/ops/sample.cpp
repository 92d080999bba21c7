#include "frcnn/ops/sample.hpp"

#include "../batches.hpp"

using namespace batches;

namespace {

struct drawn {
  array<std::int32_t, 2> label;
  drawn(array<std::int32_t, 2> candidates, std::vector<std::uint64_t> ids, int max_positive, int total, std::uint64_t step = 3,
        draw purpose = draw::anchor_sample)
      : label(std::move(candidates)) {
    cpu::context c(2);
    array<std::uint64_t, 1> const id(of(label.dims[0]), std::move(ids)), state(of(2), std::vector<std::uint64_t>{11, step});
    ops::sample_balanced<cpu>(c, label.out(), id.in(), rng<cpu>{state.in()}, purpose, max_positive, total);
  }
  std::vector<std::int32_t> row(int s) const {
    auto const first = label.values.begin() + std::ptrdiff_t{s} * label.dims[1];
    return {first, first + label.dims[1]};
  }
  std::ptrdiff_t count(int s, int l) const {
    auto const r = row(s);
    return std::count(r.begin(), r.end(), l);
  }
};

// One segment: positives of labels 1, 2, ..., then negatives, then -1.
array<std::int32_t, 2> segment(int positives, int negatives, int rest) {
  std::vector<std::int32_t> l;
  for (int i = 0; i < positives; ++i) l.push_back(1 + i % 3);
  l.insert(l.end(), std::size_t(negatives), 0);
  l.insert(l.end(), std::size_t(rest), -1);
  return {of(1, static_cast<int>(l.size())), l};
}

}  // namespace

TEST_CASE("positives up to their limit, negatives fill up, and the batch shrinks where there are too few") {
  struct {
    int positives, negatives, max_positive, total, drawn_positives, drawn_negatives;
  } const cases[] = {{50, 500, 16, 64, 16, 48}, {5, 500, 16, 64, 5, 59},  {50, 20, 16, 64, 16, 20},    {0, 500, 16, 64, 0, 64},
                     {50, 0, 16, 64, 16, 0},    {3, 4, 16, 64, 3, 4},     {0, 0, 16, 64, 0, 0},        {50, 500, 0, 64, 0, 64},
                     {50, 500, 64, 64, 50, 14}, {90, 500, 64, 64, 64, 0}, {50, 500, 16, 1000, 16, 500}};
  for (auto const& c : cases) {
    auto const before = segment(c.positives, c.negatives, 7);
    drawn const d(before, {1}, c.max_positive, c.total);
    CAPTURE(c.positives);
    CAPTURE(c.negatives);
    CHECK(d.count(0, 0) == c.drawn_negatives);
    int positives = 0;
    for (int i = 0; i < d.label.dims[1]; ++i) {
      positives += d.label(0, i) > 0;
      CHECK((d.label(0, i) == -1 || d.label(0, i) == before(0, i)));  // who is drawn keeps the label
    }
    CHECK(positives == c.drawn_positives);
  }
}

TEST_CASE("every candidate is as likely as another") {
  constexpr int positives = 20, negatives = 60, steps = 4000;
  std::vector<int> hits(positives + negatives);
  for (int step = 0; step < steps; ++step) {
    drawn const d(segment(positives, negatives, 0), {42}, 5, 20, static_cast<std::uint64_t>(step));
    for (int i = 0; i < positives + negatives; ++i) hits[std::size_t(i)] += d.label(0, i) >= 0;
  }
  // p = 1/4 of either kind; the deviation of a count is 27
  for (int const h : hits) CHECK(std::abs(h - steps / 4) < 5 * 27.4);
}

TEST_CASE("a draw is a function of seed, step, image and purpose, not of the place in the batch") {
  auto const one = segment(40, 200, 10);
  array<std::int32_t, 2> two(of(2, 250));
  std::copy(one.values.begin(), one.values.end(), two.values.begin());
  std::copy(one.values.begin(), one.values.end(), two.values.begin() + 250);
  drawn const both(two, {7, 8}, 16, 64), swapped(two, {8, 7}, 16, 64), alone(one, {8}, 16, 64);
  CHECK(both.row(0) != both.row(1));
  CHECK(both.row(0) == swapped.row(1));
  CHECK(both.row(1) == swapped.row(0));
  CHECK(both.row(1) == alone.row(0));
  CHECK(alone.row(0) == drawn(one, {8}, 16, 64).row(0));
  CHECK(alone.row(0) != drawn(one, {8}, 16, 64, 4).row(0));
  CHECK(alone.row(0) != drawn(one, {8}, 16, 64, 3, draw::roi_sample).row(0));
}
