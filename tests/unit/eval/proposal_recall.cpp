#include "frcnn/eval/proposal_recall.hpp"

#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::eval;

namespace {
using boxes = std::vector<std::vector<box<float>>>;
using truth = std::vector<std::vector<truth_box>>;
}  // namespace

TEST_CASE("proposal_recall: equals an independent NumPy implementation") {
  golden const g = golden::read();
  std::vector<int> limits;
  for (auto const& r : g.recalls) limits.push_back(r.limit);
  auto const results = evaluate_proposals(g.proposals, g.truths, limits);
  REQUIRE(results.size() == g.recalls.size());
  for (std::size_t k = 0; k < results.size(); ++k) {
    REQUIRE(g.recalls[k].values.size() == 11);
    CHECK(results[k].limit == limits[k]);
    for (std::size_t t = 0; t < 10; ++t) CHECK(results[k].recall[t] == doctest::Approx(g.recalls[k].values[t]).epsilon(1e-12));
    CHECK(results[k].average == doctest::Approx(g.recalls[k].values[10]).epsilon(1e-12));
  }
}

TEST_CASE("proposal_recall: the example of the header") {
  truth const t{{{{0, 0, 10, 10}, 1}, {{20, 0, 30, 10}, 2}}};
  boxes const p{{{0, 0, 10, 10}, {20, 0, 30, 20}}};
  int const limits[] = {2, 1, 0};
  auto const r = evaluate_proposals(p, t, limits);
  CHECK(r[0].recall[0] == 1);
  CHECK(r[0].recall[1] == 0.5);
  CHECK(r[0].recall[9] == 0.5);
  CHECK(r[0].average == doctest::Approx(0.55));
  CHECK(r[1].average == doctest::Approx(0.5));
  CHECK(r[2].average == 0);
  CHECK(r[2].truths == 2);
}

TEST_CASE("proposal_recall: one proposal covers one object, the closest pair first") {
  std::vector<truth_box> const t{{{0, 0, 10, 8}, 1}, {{0, 0, 10, 10}, 1}};
  std::vector<box<float>> const one{{0, 0, 10, 10}}, two{{0, 0, 10, 10}, {0, 0, 10, 9}};
  CHECK(covered_overlaps(one, t, 10) == std::vector<float>{1, 0});
  CHECK(covered_overlaps(two, t, 10) == std::vector<float>{1, 8.0f / 9});
}

TEST_CASE("proposal_recall: difficult objects are left out; without objects there is no recall") {
  truth const t{{{{0, 0, 10, 10}, 1, true}, {{0, 0, 10, 9}, 1}}};
  boxes const p{{{0, 0, 10, 10}}};
  int const limit[] = {5};
  auto const r = evaluate_proposals(p, t, limit);
  CHECK(r[0].truths == 1);
  CHECK(r[0].recall[8] == 1);  // 0.9, which float does not hold
  CHECK(r[0].recall[9] == 0);
  CHECK(std::isnan(evaluate_proposals(boxes{{}}, truth{{}}, limit)[0].average));
  CHECK_THROWS_WITH_AS(evaluate_proposals(boxes{}, t, limit), "evaluate_proposals: expected proposals for 1 images, found 0", error);
}
