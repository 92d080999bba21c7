#include "frcnn/compress/truncated_svd.hpp"

#include "frcnn/core/rng.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace frcnn;

namespace {

// [rows, inner] x [inner, columns]
std::vector<double> product(std::vector<double> const& a, std::vector<double> const& b, std::size_t rows, std::size_t inner,
                            std::size_t columns) {
  std::vector<double> c(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < columns; ++j) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return c;
}
template <class T>
std::vector<double> widened(std::vector<T> const& v) {
  return {v.begin(), v.end()};
}
template <class T>
low_rank<T> factors(std::vector<T> const& w, int u, int v, int t, int threads = 0) {
  return truncated_svd(std::span<T const>(w), u, v, t, threads);
}
std::string refusal(std::vector<float> const& w, int u, int v, int t) {
  try {
    factors(w, u, v, t);
  } catch (error const& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE_TEMPLATE("singular values, the best product of each rank and its error: NumPy's", T, float, double) {
  io::safetensors_file const golden("tests/golden/svd.safetensors");
  double const tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-12;
  int cases = 0;
  for (auto const& entry : golden.tensors()) {
    auto const& [name, tensor] = entry;
    auto const at = name.find(".best");
    if (at == std::string::npos) continue;
    ++cases;
    CAPTURE(entry.first);
    auto const group = name.substr(0, at), rank = name.substr(at + 5);
    int const t = std::stoi(rank), u = static_cast<int>(tensor.shape[0]), v = static_cast<int>(tensor.shape[1]);
    auto const found = factors(golden.read<T>(group + ".w"), u, v, t);
    auto const values = golden.read<double>(group + ".values"), best = golden.read<double>(name);
    REQUIRE(found.values.size() == std::size_t(t));
    for (std::size_t k = 0; k < std::size_t(t); ++k) CHECK(std::abs(found.values[k] - values[k]) <= 1e-12 * values[0]);
    // Half of the digits: it is the root of a difference of squares.
    CHECK(std::abs(found.error - golden.read<double>(group + ".error" + rank)[0]) <= 1e-7);

    auto const first = widened(found.first), second = widened(found.second);
    REQUIRE(first.size() == std::size_t(t * v));
    REQUIRE(second.size() == std::size_t(u * t));
    auto const report = testing::compare(product(second, first, std::size_t(u), std::size_t(t), std::size_t(v)), best, tolerance);
    CHECK_MESSAGE(report.ok, report.describe());
  }
  CHECK(cases == 19);
}

TEST_CASE("the first factor carries the singular values, the second is orthonormal") {
  io::safetensors_file const golden("tests/golden/svd.safetensors");
  for (std::string const name : {"wide", "tall", "square", "strips", "thin"}) {
    CAPTURE(name);
    auto const& shape = golden.tensor(name + ".w").shape;
    auto const u = static_cast<std::size_t>(shape[0]), v = static_cast<std::size_t>(shape[1]);
    constexpr std::size_t t = 2;
    auto const found = factors(golden.read<double>(name + ".w"), int(u), int(v), int(t));
    for (std::size_t a = 0; a < t; ++a)
      for (std::size_t b = 0; b < t; ++b) {
        double of_first = 0, of_second = 0;
        for (std::size_t j = 0; j < v; ++j) of_first += found.first[a * v + j] * found.first[b * v + j];
        for (std::size_t i = 0; i < u; ++i) of_second += found.second[i * t + a] * found.second[i * t + b];
        CHECK(of_first == doctest::Approx(a == b ? found.values[a] * found.values[a] : 0).epsilon(1e-10));
        CHECK(of_second == doctest::Approx(a == b ? 1 : 0).epsilon(1e-10));
      }
  }
}

TEST_CASE("full rank gives the matrix back, whatever its own rank is") {
  host_rng draws(1, draw::test);
  for (bool const zero : {true, false}) {
    std::vector<float> w(7 * 30);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = zero ? 0 : static_cast<float>(draws.normal() * (i / 30 < 3 ? 1 : 1e-6));
    for (auto const& [u, v] : {std::pair{7, 30}, std::pair{30, 7}}) {
      auto const found = factors(w, u, v, 7);
      CHECK(found.error == 0);
      auto const back = product(widened(found.second), widened(found.first), std::size_t(u), 7, std::size_t(v));
      for (std::size_t i = 0; i < w.size(); ++i) CHECK(std::abs(back[i] - double(w[i])) <= 1e-6);
    }
  }
}

TEST_CASE("the number of threads may change bits, not numbers") {
  host_rng draws(2, draw::test);
  std::vector<double> w(90 * 200);
  for (auto& x : w) x = draws.normal();
  auto const one = factors(w, 90, 200, 10, 1), two = factors(w, 90, 200, 10, 2), again = factors(w, 90, 200, 10, 2);
  CHECK(two.first == again.first);
  CHECK(two.second == again.second);
  CHECK(testing::compare(product(one.second, one.first, 90, 10, 200), product(two.second, two.first, 90, 10, 200), 1e-12).ok);
}

TEST_CASE("what cannot be factored") {
  std::vector<float> w(12, 1);
  CHECK(refusal(w, 3, 4, 4) == "rank of a 3 x 4 matrix: expected 1 to 3, found 4");
  CHECK(refusal(w, 4, 3, 0) == "rank of a 4 x 3 matrix: expected 1 to 3, found 0");
  w[5] = std::numeric_limits<float>::infinity();
  CHECK(refusal(w, 3, 4, 1) == "truncated SVD: expected finite numbers, found one that is not");
  w[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(refusal(w, 4, 3, 1) == "truncated SVD: expected finite numbers, found one that is not");
}
