#include "frcnn/nn/parameter_store.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/linear.hpp"

#include <doctest/doctest.h>

#include <numeric>

namespace {

using namespace frcnn;

// A layer whose rows do not fit into one part: 700 rows of 2,048 pooled numbers.
struct large_model {
  nn::linear<float, cpu> layer{32 * 64, 700, false, initializer::zero(), initializer::zero(), 8};
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("fc");
    layer.for_each_param(visit);
    visit.leave();
  }
};

TEST_CASE("parameter store: parts from several threads are the whole") {
  large_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  CHECK(m.layer.weight.path == "fc.weight");
  CHECK(m.layer.weight.layer() == "fc");
  auto const& e = store.at("fc.weight");
  std::vector<float> values(e.p->size());
  std::iota(values.begin(), values.end(), 0.f);
  store.set(e, values);
  std::vector<float> const stored(e.p->value.data, e.p->value.data + values.size());
  REQUIRE(stored[1] == 64);  // channels innermost: logical (0, 1, 0, 0)

  for (int threads : {1, 3}) {
    std::fill_n(e.p->value.data, values.size(), -1.f);
    auto const version = e.p->version;
    std::atomic<std::size_t> parts{0}, elements{0};
    store.set_in_parts(e, threads, [&](std::size_t first, std::span<float> out) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
      ++parts;
      elements += out.size();
    });
    CHECK(parts > 1);
    CHECK(elements == values.size());
    CHECK(std::equal(stored.begin(), stored.end(), e.p->value.data));
    CHECK(e.p->version == version + 1);
  }
}

TEST_CASE("parameter store: what fetching a part throws comes out") {
  large_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  for (int threads : {1, 3})
    CHECK_THROWS_AS(store.set_in_parts(store.at("fc.weight"), threads,
                                       [](std::size_t first, std::span<float>) {
                                         if (first > 0) throw error("part", "all", "none");
                                       }),
                    error);
}

}  // namespace
