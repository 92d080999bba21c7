#include "frcnn/nn/low_rank_linear.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/testing/gradcheck.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

using namespace frcnn;

namespace {

constexpr int rows = 5, in = 12, out = 4;

template <class T>
std::vector<T> normals(std::size_t n, std::uint64_t stream) {
  host_rng draws(3, draw::test, stream);
  std::vector<T> v(n);
  for (auto& x : v) x = static_cast<T>(draws.normal());
  return v;
}
template <class T>
view<T, 2, cpu> over(std::vector<T>& v, int columns) {
  return {v.data(), {{static_cast<std::int32_t>(v.size()) / columns, columns}}};
}

template <class T>
struct fixture {
  nn::low_rank_linear<T, cpu> layer;
  parameter_store<T, cpu> store;
  std::vector<T> x = normals<T>(rows * in, 1);

  fixture(int rank, bool relu) : layer(in, out, rank, relu, initializer::normal(1), initializer::normal(1)) {
    store.bind(layer);
    store.initialise(7);
  }
  std::vector<T> infer(cpu::context& c) {
    std::vector<T> y(rows * out, std::numeric_limits<T>::quiet_NaN());
    cpu::context::frame const scope(c);
    std::memset(c.scratch(4096), 0xff, 4096);
    layer.forward(c, over(x, in), over(y, out));
    return y;
  }
};

// From the factors.
std::vector<double> naive(parameter_store<double, cpu> const& store, std::vector<double> const& x, int rank, bool relu) {
  auto const w0 = store.get(store.at("0.weight")), w1 = store.get(store.at("1.weight")), b = store.get(store.at("1.bias"));
  std::vector<double> y(rows * out);
  for (int r = 0; r < rows; ++r)
    for (int o = 0; o < out; ++o) {
      double sum = b[o];
      for (int k = 0; k < rank; ++k) {
        double hidden = 0;
        for (int i = 0; i < in; ++i) hidden += w0[k * in + i] * x[r * in + i];
        sum += w1[o * rank + k] * hidden;
      }
      y[r * out + o] = relu ? std::max(0.0, sum) : sum;
    }
  return y;
}

}  // namespace

TEST_CASE("two products, one bias, one ReLU") {
  cpu::context c(2);
  for (int const rank : {1, 3, 4})
    for (bool const relu : {false, true}) {
      fixture<double> f(rank, relu);
      REQUIRE(f.store.entries().size() == 3);
      CHECK(f.store.at("0.weight").file_shape() == std::vector<std::int64_t>{rank, in});
      CHECK(f.store.at("1.weight").file_shape() == std::vector<std::int64_t>{out, rank});
      CHECK(f.store.at("1.bias").file_shape() == std::vector<std::int64_t>{out});
      auto const expected = naive(f.store, f.x, rank, relu);
      auto const y = f.infer(c);
      auto const report = testing::compare(y, expected, 1e-12);
      CHECK_MESSAGE(report.ok, report.describe());
      if (relu) CHECK(std::count(y.begin(), y.end(), 0) > 0);
    }
}

TEST_CASE_TEMPLATE("rank 0 is the plain layer", T, float, double) {
  cpu::context c(1);
  fixture<T> f(0, true);
  nn::linear<T, cpu> plain(in, out, true, initializer::normal(1), initializer::normal(1));
  parameter_store<T, cpu> store;
  store.bind(plain);
  store.initialise(7);
  CHECK(f.store.at("weight").file_shape() == std::vector<std::int64_t>{out, in});
  CHECK(f.store.size() == store.size());
  std::vector<T> y(rows * out);
  plain.forward(c, over(f.x, in), over(y, out));
  CHECK(f.infer(c) == y);
}

TEST_CASE("gradients of both matrices, the bias and the rows are derivatives; training computes what inference does") {
  for (int const rank : {0, 3}) {
    cpu::context c(2);
    fixture<double> f(rank, true);
    f.store.enable_gradients();
    nn::low_rank_linear<double, cpu>::tape tape;
    auto const direction = normals<double>(rows * out, 2);
    std::vector<double> y(rows * out), dx(rows * in, std::numeric_limits<double>::quiet_NaN());
    auto const loss = [&] {
      for (auto const& e : f.store.entries()) ++e.p->version;
      f.layer.forward(c, over(f.x, in), over(y, out), tape);
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += direction[i] * y[i];
      return sum;
    };
    loss();
    CHECK(y == f.infer(c));
    auto dy = direction;
    f.layer.backward(c, tape, over(dy, out), over(dx, in), writing::set);
    auto report = testing::gradcheck(loss, std::span(f.x), dx);
    CHECK_MESSAGE(report.ok, report.describe());
    for (auto const& e : f.store.entries()) {
      report = testing::gradcheck(loss, std::span(e.p->value.data, e.p->size()), to_host(e.p->grad));
      CHECK_MESSAGE(report.ok, e.name, ": ", report.describe());
    }

    // A second pass adds; rows whose gradient nobody wants are left out.
    auto const once = f.store.get_gradient(f.store.entries().back());
    dy = direction;
    f.layer.backward(c, tape, over(dy, out), {}, writing::set, writing::add);
    auto twice = f.store.get_gradient(f.store.entries().back());
    for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == doctest::Approx(2 * once[i]));
  }
}

TEST_CASE("a moved layer keeps what it adds") {
  cpu::context c(1);
  fixture<double> f(2, false);
  auto const y = f.infer(c);
  auto moved = std::move(f.layer);
  std::vector<double> again(rows * out);
  moved.forward(c, over(f.x, in), over(again, out));
  CHECK(again == y);
}

TEST_CASE("ranks out of range") {
  auto const refusal = [](int rank) {
    try {
      fixture<float>(rank, false);
    } catch (error const& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  CHECK(refusal(5) == "rank of a fully connected layer: expected 0 for the full layer, or 1 to 4, found 5");
  CHECK(refusal(-1) == "rank of a fully connected layer: expected 0 for the full layer, or 1 to 4, found -1");
}
