#include "frcnn/nn/parameter_store.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/conv.hpp"
#include "frcnn/nn/linear.hpp"

#include <doctest/doctest.h>

#include <numeric>

namespace {

using namespace frcnn;

// A layer whose 700 filters of 2,048 numbers do not fit into one part, and one whose weight lies in memory as in files.
struct large_model {
  nn::conv<float, cpu> layer{{.in_channels = 32, .out_channels = 700, .kernel = 8}, initializer::zero()};
  nn::linear<float, cpu> fc{3, 2, false, initializer::zero(), initializer::zero()};
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("conv");
    layer.for_each_param(visit);
    visit.leave();
    visit.enter("fc");
    fc.for_each_param(visit);
    visit.leave();
  }
};

struct small_model {
  nn::linear<float, cpu> fc{3, 2, false, initializer::uniform(0.5), initializer::zero()};
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("fc");
    fc.for_each_param(visit);
    visit.leave();
  }
};

TEST_CASE("parameter store: parts from several threads are the whole") {
  large_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  CHECK(m.layer.weight.path == "conv.weight");
  CHECK(m.layer.weight.layer() == "conv");
  auto const& e = store.at("conv.weight");
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
    CHECK_THROWS_AS(store.set_in_parts(store.at("conv.weight"), threads,
                                       [](std::size_t first, std::span<float>) {
                                         if (first > 0) throw error("part", "all", "none");
                                       }),
                    error);
}

TEST_CASE("parameter store: initial weights hang on the seed and the hash of the name that it has always been") {
  small_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  store.initialise(7);
  host_rng draws(7, draw::initialise, 0x5a93b4834ea3bf16ull);  // of "fc.weight", computed by Python's integers
  for (float const v : store.get(store.at("fc.weight"))) CHECK(v == static_cast<float>(draws.uniform(-0.5, 0.5)));
}

TEST_CASE("parameter store: values in memory of another owner, until they are set or learn") {
  large_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  auto const& e = store.at("fc.weight");
  CHECK(e.in_logical_order());
  CHECK(store.at("conv.bias").in_logical_order());
  CHECK_FALSE(store.at("conv.weight").in_logical_order());
  float* const own = e.p->value.data;
  std::vector<float> const values{1, 2, 3, 4, 5, 6}, others{6, 5, 4, 3, 2, 1};
  auto const memory = std::make_shared<std::vector<float>>(values);
  auto const lend = [&] {
    auto const version = e.p->version;
    store.lend(e, {memory, memory->data()});
    CHECK(e.p->version > version);
    CHECK(e.p->value.data == memory->data());
    CHECK(store.get(e) == values);
  };
  auto const is_own = [&](std::vector<float> const& now) {
    CHECK(e.p->value.data == own);
    CHECK(store.get(e) == now);
    CHECK(*memory == values);
    CHECK(memory.use_count() == 1);
  };
  lend();
  CHECK(memory.use_count() == 2);
  store.set(e, others);
  is_own(others);

  lend();
  store.set_in_parts(e, 2, [&](std::size_t first, std::span<float> out) {
    std::copy_n(others.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
  });
  is_own(others);

  lend();
  auto const version = e.p->version;
  store.enable_gradients();
  is_own(values);
  CHECK(e.p->version > version);
}

}  // namespace
