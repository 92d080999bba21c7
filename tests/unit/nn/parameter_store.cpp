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

struct two_layers {
  nn::linear<float, cpu> one{3, 2, false, initializer::uniform(0.5), initializer::zero()};
  nn::linear<float, cpu> two{3, 2, false, initializer::uniform(0.5), initializer::zero()};
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("a.one");
    one.for_each_param(visit);
    visit.leave();
    visit.enter("b");
    two.for_each_param(visit);
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

TEST_CASE("parameter store: a scope is drawn anew, or taken over from another store, and nothing else") {
  two_layers m, n;
  parameter_store<float, cpu> store, other;
  store.bind(m);
  other.bind(n);
  store.initialise(3);
  other.initialise(4);
  auto const one = store.get(store.at("a.one.weight")), two = store.get(store.at("b.weight"));
  store.initialise(4, "b");
  CHECK(store.get(store.at("a.one.weight")) == one);
  CHECK(store.get(store.at("b.weight")) == other.get(other.at("b.weight")));  // a function of seed and name
  auto const version = store.at("a.one.weight").p->version;
  store.copy("a", other);
  CHECK(store.get(store.at("a.one.weight")) == other.get(other.at("a.one.weight")));
  CHECK(store.at("a.one.weight").p->version == version + 1);
  store.copy("b", other, "a.one");
  CHECK(store.get(store.at("b.weight")) == other.get(other.at("a.one.weight")));
  for (auto const* scope : {"c", "a.on"}) {
    CHECK_THROWS_AS(store.initialise(0, scope), error);
    CHECK_THROWS_AS(store.copy(scope, other), error);
  }
  CHECK_THROWS_AS(store.copy("b", other, "c"), error);
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

  // Values that cannot be set leave the lent ones.
  lend();
  CHECK_THROWS_AS(store.set(e, {1, 2}), frcnn::error);
  CHECK_THROWS_AS(store.set_in_parts(e, 1, [](std::size_t, std::span<float>) { throw frcnn::error("a file", "more", "its end"); }),
                  frcnn::error);
  CHECK(e.p->value.data == memory->data());
  CHECK(store.get(e) == values);

  auto const version = e.p->version;
  store.enable_gradients();
  is_own(values);
  CHECK(e.p->version > version);
}

// A convolution whose output is normalised by statistics that are not learned, and a layer after it.
struct normalised_model {
  nn::conv<float, cpu> layer{{.in_channels = 3, .out_channels = 4, .kernel = 3}, initializer::normal(1)};
  param<float, cpu> mean{.name = "running_mean", .dims = {{4, 1, 1, 1}}, .init = initializer::constant(2), .kind = param_kind::buffer};
  nn::linear<float, cpu> fc{3, 2, false, initializer::uniform(0.5), initializer::zero()};
  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("layer");
    layer.for_each_param(visit);
    visit.leave();
    visit.enter("layer2");
    visit(mean);
    fc.for_each_param(visit);
    visit.leave();
  }
};

TEST_CASE("parameter store: gradients are there for what learns alone, and so is their memory") {
  normalised_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  store.initialise(1);
  CHECK(store.entries().size() == 5);  // all kinds: files are written from these
  CHECK(store.get(store.at("layer2.running_mean")) == std::vector<float>(4, 2.f));
  CHECK(store.gradient_size() == 0);
  CHECK(store.gradient_layout() == 0);

  store.freeze("layer");  // before gradients: not "layer2"
  CHECK(m.layer.weight.kind == param_kind::frozen);
  CHECK(m.fc.weight.kind == param_kind::trained);
  store.enable_gradients();
  CHECK(store.size() == 112 + 4 * 16);     // 108 weights, and four that take 16 each
  CHECK(store.gradient_size() == 2 * 16);  // fc's
  CHECK(!m.layer.learns());
  CHECK(m.fc.weight.wants_grad());
  CHECK(!m.mean.wants_grad());

  auto const values = store.get(store.at("layer2.weight"));
  store.unfreeze("");
  CHECK(store.gradient_size() == 112 + 3 * 16);
  CHECK(m.layer.learns());
  CHECK(m.mean.kind == param_kind::buffer);
  auto const layout = store.gradient_layout();
  store.enable_gradients();
  CHECK(store.gradient_layout() == layout);  // nothing has moved

  store.freeze("layer2.weight");
  CHECK(store.gradient_layout() > layout);
  CHECK(store.gradient_size() == 112 + 2 * 16);
  CHECK(!m.fc.weight.wants_grad());
  CHECK(m.fc.bias.wants_grad());
  CHECK(store.get(store.at("layer2.weight")) == values);
  for (auto const& e : store.entries())
    if (e.p->wants_grad()) {
      CHECK(e.p->grad.data >= store.gradients().data());
      CHECK(e.p->grad.data + e.p->size() <= store.gradients().data() + store.gradient_size());
    }
  CHECK_THROWS_WITH_AS(store.freeze("lay"), "scope 'lay': expected a scope of the model's parameters, found none of that name", error);
  CHECK_THROWS_AS(store.unfreeze("layer2.running_mean"), error);  // a buffer never learns
}

TEST_CASE("parameter store: written and broadcast as a whole, lent values come back, versions rise") {
  large_model m;
  parameter_store<float, cpu> store;
  store.bind(m);
  store.initialise(3);
  auto const& fc = store.at("fc.weight");
  std::vector<float> const lent{1, 2, 3, 4, 5, 6};
  auto const memory = std::make_shared<std::vector<float>>(lent);
  std::vector<std::uint64_t> before;
  auto const note = [&] {
    store.lend(fc, {memory, memory->data()});
    before.clear();
    for (auto const& e : store.entries()) before.push_back(e.p->version);
  };
  auto const has_risen = [&] {
    std::size_t i = 0;
    for (auto const& e : store.entries())
      if (e.p->version <= before[i++]) return false;
    return memory.use_count() == 1;
  };
  note();
  auto packed = store.read();
  CHECK(packed.size() == store.size());
  CHECK(packed[fc.offset + 5] == 6);  // as it is now, lent or not
  packed[fc.offset] = 9;
  store.write(packed);
  CHECK(has_risen());
  CHECK(store.get(fc) == std::vector<float>{9, 2, 3, 4, 5, 6});
  CHECK(*memory == lent);
  CHECK(store.read()[fc.offset] == 9);

  note();
  store.broadcast([&](std::span<float> device) {
    CHECK(device.size() == store.size());
    CHECK(device[fc.offset + 1] == 2);  // what was lent is there
    device[fc.offset + 1] = 7;
  });
  CHECK(has_risen());
  CHECK(store.get(fc) == std::vector<float>{1, 7, 3, 4, 5, 6});

  note();
  CHECK_THROWS_AS(store.broadcast([](std::span<float>) { throw error("broadcast", "all", "none"); }), error);
  CHECK(has_risen());  // some of it may have come
  packed.pop_back();
  CHECK_THROWS_AS(store.write(packed), error);
}

TEST_CASE("parameter store: changed() raises versions of what learns in the parts named, offsets run as backward finishes") {
  large_model first, second;
  parameter_store<float, cpu> store;
  store.bind_in_order({}, first, second);
  CHECK(store.entries().front().part == 0);
  CHECK(store.entries().back().part == 1);
  for (std::size_t i = 1; i < store.entries().size(); ++i) CHECK(store.entries()[i].offset > store.entries()[i - 1].offset);
  auto const versions = [&](int part) {
    std::uint64_t sum = 0;
    for (auto const& e : store.entries())
      if (e.part == part) sum += e.p->version;
    return sum;
  };
  auto const a = versions(0), b = versions(1);
  store.changed();
  CHECK(versions(0) == a);  // nothing learns
  store.enable_gradients();
  CHECK(store.gradients().size() == store.size());
  store.changed(part_set{}.with(1));
  CHECK(versions(0) == a);
  CHECK(versions(1) > b);
}

}  // namespace
