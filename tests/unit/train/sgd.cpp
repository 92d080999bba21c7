#include "frcnn/train/sgd.hpp"

#include "../detector/narrow.hpp"
#include "few_parameters.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace detector_tests;

namespace {

using few = train_tests::few_parameters<double, cpu, 5>;

std::vector<double> normals(std::size_t n, std::uint64_t stream, double scale = 1) {
  host_rng draws(11, draw::test, stream);
  std::vector<double> v(n);
  for (auto& x : v) x = scale * draws.normal();
  return v;
}

struct fixture {
  few model;
  parameter_store<double, cpu> store;
  cpu::context c{1};
  std::vector<double> loss{1, 2, 3, 4};
  sgd<double, cpu> optimiser;

  explicit fixture(sgd_options o) : optimiser((store.bind(model), store), o) {
    std::uint64_t stream = 0;
    for (auto const& e : store.entries()) store.set(e, normals(e.p->size(), stream++));
  }
  // Gradients of one backward pass.
  void give(std::vector<double> const& weight, std::vector<double> const& bias) {
    std::copy(weight.begin(), weight.end(), model.weight.grad.data);
    std::copy(bias.begin(), bias.end(), model.bias.grad.data);
  }
  void update(double lr, int accumulated = 1) { optimiser.update(c, lr, accumulated, {loss.data(), {{4}}}); }
  std::vector<double> values(param<double, cpu> const& p) const { return {p.value.data, p.value.data + p.size()}; }
  std::vector<double> velocity(char const* name) const { return optimiser.get_velocity(store.at(name)); }
};

// The two forms, written out.
struct by_hand {
  std::vector<double> w, v;
  void pytorch(std::vector<double> const& g, double lr, double momentum, double decay) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      v[i] = momentum * v[i] + (g[i] + decay * w[i]);
      w[i] -= lr * v[i];
    }
  }
  void caffe(std::vector<double> const& g, double lr, double momentum, double decay) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      v[i] = momentum * v[i] + lr * (g[i] + decay * w[i]);
      w[i] -= v[i];
    }
  }
};

bool near(std::vector<double> const& a, std::vector<double> const& b) { return testing::compare(a, b, 1e-14).ok; }

}  // namespace

TEST_CASE("five updates in both forms, with a rate that drops and multipliers of rate and decay") {
  for (bool const inside : {false, true}) {
    CAPTURE(inside);
    fixture f({.momentum = .9, .decay = .01, .lr_inside_momentum = inside});
    by_hand weight{f.values(f.model.weight), std::vector<double>(15)}, bias{f.values(f.model.bias), std::vector<double>(3)};
    auto const fixed = f.values(f.model.fixed);
    for (std::uint64_t step = 0; step < 5; ++step) {
      double const lr = step < 3 ? .1 : .01;
      auto const gw = normals(15, 100 + step), gb = normals(3, 200 + step);
      f.give(gw, gb);
      f.update(lr);
      (inside ? weight.caffe(gw, lr, .9, .01) : weight.pytorch(gw, lr, .9, .01));
      (inside ? bias.caffe(gb, 2 * lr, .9, 0) : bias.pytorch(gb, 2 * lr, .9, 0));
      CHECK(near(f.values(f.model.weight), weight.w));
      CHECK(near(f.values(f.model.bias), bias.w));
      CHECK(near(f.velocity("weight"), weight.v));
      CHECK(near(f.velocity("bias"), bias.v));
    }
    CHECK(f.values(f.model.fixed) == fixed);
  }
  // The forms differ once the rate changes.
  by_hand a{{1}, {0}}, b{{1}, {0}};
  for (double const lr : {.1, .01}) {
    a.pytorch({1}, lr, .9, 0);
    b.caffe({1}, lr, .9, 0);
  }
  CHECK(a.w[0] != doctest::Approx(b.w[0]));
}

TEST_CASE("torch.optim.SGD's own numbers") {
  // w = torch.tensor([1., -2.], dtype=torch.float64); SGD(lr=.1, momentum=.9, weight_decay=.01), gradients (.5, 1), (.25, -1)
  by_hand w{{1, -2}, {0, 0}};
  w.pytorch({.5, 1}, .1, .9, .01);
  w.pytorch({.25, -1}, .1, .9, .01);
  CHECK(w.w[0] == doctest::Approx(0.877151).epsilon(1e-12));
  CHECK(w.w[1] == doctest::Approx(-2.084102).epsilon(1e-12));
}

TEST_CASE("clipping scales all gradients by one number, before decay, and only when their norm is above") {
  auto const gw = normals(15, 1, 10), gb = normals(3, 2, 10);
  double squares = 0;
  for (double const g : gw) squares += g * g;
  for (double const g : gb) squares += g * g;
  double const norm = std::sqrt(squares);
  for (double const limit : {norm * 2, norm * .999, 1e-3}) {
    CAPTURE(limit);
    fixture f({.momentum = .9, .decay = .01, .clip_norm = limit});
    by_hand weight{f.values(f.model.weight), std::vector<double>(15)}, bias{f.values(f.model.bias), std::vector<double>(3)};
    f.give(gw, gb);
    f.update(.1);
    double const factor = std::min(1.0, limit / (norm + 1e-6));
    auto const scaled = [&](std::vector<double> g) {
      for (auto& v : g) v *= factor;
      return g;
    };
    weight.pytorch(scaled(gw), .1, .9, .01);
    bias.pytorch(scaled(gb), .2, .9, 0);
    CHECK(near(f.values(f.model.weight), weight.w));
    CHECK(near(f.values(f.model.bias), bias.w));
    CHECK(f.optimiser.control()->norm == doctest::Approx(norm).epsilon(1e-12));
  }
}

TEST_CASE("accumulated gradients are averaged, and the average is clipped") {
  auto const gw = normals(15, 1), gb = normals(3, 2);
  auto const quarter = [](std::vector<double> g) {
    for (auto& v : g) v /= 4;
    return g;
  };
  for (double const limit : {0., .5}) {
    fixture a({.clip_norm = limit}), b({.clip_norm = limit});
    a.give(gw, gb);
    a.update(.1, 4);
    b.give(quarter(gw), quarter(gb));
    b.update(.1, 1);
    CHECK(near(a.values(a.model.weight), b.values(b.model.weight)));
    CHECK(a.optimiser.control()->norm == doctest::Approx(b.optimiser.control()->norm).epsilon(1e-12));
  }
}

TEST_CASE("parts that no backward pass wrote are left alone, and do not count into the norm") {
  few first, second;
  parameter_store<double, cpu> store;
  store.bind_in_order({}, first, second);
  cpu::context c(1);
  sgd<double, cpu> optimiser(store, {.momentum = .9, .decay = .1});
  std::vector<double> const loss{1};
  store.initialise(1);
  for (auto const& e : store.entries()) store.set(e, normals(e.p->size(), 1));
  auto const values = [](param<double, cpu> const& p) { return std::vector<double>{p.value.data, p.value.data + p.size()}; };
  std::fill_n(first.weight.grad.data, 15, 0.);
  std::fill_n(first.bias.grad.data, 3, 0.);
  first.weight.grad.data[0] = 3, first.bias.grad.data[1] = 4;
  std::fill_n(second.weight.grad.data, 15, std::nan(""));
  std::fill_n(second.bias.grad.data, 3, std::nan(""));
  auto const before = values(first.weight), weight = values(second.weight), bias = values(second.bias);
  auto const risen = first.weight.version, version = second.weight.version;
  optimiser.update(c, .1, 1, {loss.data(), {{1}}}, part_set{}.with(0));
  CHECK(values(first.weight) != before);
  CHECK(first.weight.version > risen);
  CHECK(values(second.weight) == weight);
  CHECK(values(second.bias) == bias);
  CHECK(second.weight.version == version);
  CHECK(optimiser.control()->norm == doctest::Approx(5).epsilon(1e-12));
  CHECK(optimiser.control()->finite == 1);
}

TEST_CASE("an update raises versions of what learns; its kernels alone raise none, as when they are replayed") {
  fixture f({});
  auto const version = f.model.weight.version, fixed = f.model.fixed.version;
  f.give(normals(15, 1), normals(3, 2));
  f.update(.1);
  CHECK(f.model.weight.version > version);
  CHECK(f.model.fixed.version == fixed);
  CHECK_FALSE(f.model.fixed.wants_grad());
  auto const then = f.model.weight.version;
  auto const values = f.values(f.model.weight);
  f.optimiser.apply(f.c, {f.loss.data(), {{4}}});
  CHECK(f.values(f.model.weight) != values);
  CHECK(f.model.weight.version == then);
  f.store.changed();
  CHECK(f.model.weight.version > then);
}

TEST_CASE("a loss or a gradient that is not finite changes neither weights nor momentum") {
  double const inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (double const bad : {inf, -inf, nan})
    for (bool const in_loss : {false, true}) {
      fixture f({.momentum = .9, .decay = .01, .clip_norm = 1});
      f.give(normals(15, 1), normals(3, 2));
      f.update(.1);
      CHECK(f.optimiser.control()->finite == 1);
      auto const weight = f.values(f.model.weight), bias = f.values(f.model.bias), velocity = f.velocity("weight");
      auto gb = normals(3, 3);
      (in_loss ? f.loss[2] : gb[1]) = bad;
      f.give(normals(15, 4), gb);
      f.update(.1);
      CHECK(f.optimiser.control()->finite == 0);
      CHECK(f.values(f.model.weight) == weight);
      CHECK(f.values(f.model.bias) == bias);
      CHECK(f.velocity("weight") == velocity);
      // nor does the next good step, until the host has taken note
      f.loss[2] = 1;
      f.give(normals(15, 4), normals(3, 3));
      f.update(.1);
      CHECK(f.optimiser.control()->finite == 0);
      CHECK(f.values(f.model.weight) == weight);
      f.optimiser.go_on(f.c);
      f.give(normals(15, 4), normals(3, 3));
      f.update(.1);
      CHECK(f.optimiser.control()->finite == 1);
      CHECK(f.values(f.model.weight) != weight);
    }
}

TEST_CASE("momentum travels in logical order, and zero gradients decay the weights alone") {
  fixture f({.momentum = .5, .decay = .1});
  auto const v = normals(15, 9);
  f.optimiser.set_velocity(f.store.at("weight"), v);
  CHECK(f.velocity("weight") == v);
  f.optimiser.set_velocity(f.store.at("weight"), std::vector<double>(15));
  auto const before = f.values(f.model.weight);
  f.give(std::vector<double>(15), std::vector<double>(3));
  f.update(.5);
  auto const after = f.values(f.model.weight);
  for (std::size_t i = 0; i < 15; ++i) CHECK(after[i] == doctest::Approx(before[i] * .95).epsilon(1e-14));
}

TEST_CASE("what is frozen after the optimiser was made stays, and the others' momentum goes on") {
  fixture f({.momentum = .9, .decay = .01}), free({.momentum = .9, .decay = .01});
  auto const gw = normals(15, 30), gb = normals(3, 31);
  for (auto* each : {&f, &free}) {
    each->give(gw, gb);
    each->update(.1);
  }
  f.store.freeze("weight");
  CHECK_THROWS_AS(f.velocity("weight"), error);
  CHECK(f.velocity("bias") == free.velocity("bias"));  // before the update that follows, and after it
  auto const weight = f.values(f.model.weight);
  for (int step = 0; step < 2; ++step) {
    free.give(gw, gb);
    free.update(.1);
    std::copy(gb.begin(), gb.end(), f.model.bias.grad.data);
    f.update(.1);
    CHECK(f.values(f.model.bias) == free.values(free.model.bias));
    CHECK(f.velocity("bias") == free.velocity("bias"));
    CHECK(f.values(f.model.weight) == weight);
  }

  f.store.unfreeze("weight");  // learns again, from rest; "fixed" was frozen beside it and still is
  CHECK_FALSE(f.model.fixed.wants_grad());
  CHECK(f.velocity("weight") == std::vector<double>(15, 0.));
  by_hand alone{weight, std::vector<double>(15, 0.)};
  f.give(gw, gb);
  f.update(.1);
  alone.pytorch(gw, .1, .9, .01);
  CHECK(testing::compare(f.values(f.model.weight), alone.w, 1e-14).ok);
  CHECK(testing::compare(f.velocity("weight"), alone.v, 1e-14).ok);
}
