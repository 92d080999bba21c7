#include "frcnn/backend/cpu/kernels/simd.hpp"

#if FRCNN_HAS_FAST

#include "../tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("simd: a transposition, with strides on both sides, writes its square and nothing beside it") {
  constexpr int n = simd::lanes, in_stride = n + 3, out_stride = n + 5;
  auto const in = normals<float>(n * in_stride, 1);
  std::vector<float> out(n * out_stride, 7.f);
  simd::transpose(in.data(), in_stride, out.data(), out_stride);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < out_stride; ++i) CHECK(out[j * out_stride + i] == (i < n ? in[i * in_stride + j] : 7.f));
}

TEST_CASE("simd: the larger of two; a NaN in either stays") {
  float const nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  float const numbers[] = {-inf, -2, 0, 3, inf, nan};
  for (float a : numbers)
    for (float b : numbers) {
      float found[simd::lanes];
      simd::store(found, simd::max(simd::vec(a), simd::vec(b)));
      CAPTURE(a);
      CAPTURE(b);
      if (std::isnan(a) || std::isnan(b)) CHECK(std::isnan(found[0]));
      else CHECK(found[0] == std::max(a, b));
      CHECK(std::memcmp(&found[0], &found[simd::lanes - 1], sizeof(float)) == 0);
    }
}

TEST_CASE("simd: of equals the first, whose zero keeps its sign") {
  float found[simd::lanes];
  simd::store(found, simd::max(simd::vec(-0.f), simd::vec(0.f)));
  CHECK(std::signbit(found[0]));
  simd::store(found, simd::max(simd::vec(0.f), simd::vec(-0.f)));
  CHECK(!std::signbit(found[0]));
}

TEST_CASE("simd: at least a floor; NaN stays") {
  float const nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (float floor : {0.f, -inf})
    for (float v : {-inf, -2.f, 0.f, 3.f, inf, nan}) {
      float found[simd::lanes];
      simd::store(found, simd::at_least(simd::vec(v), simd::vec(floor)));
      CHECK((std::isnan(v) ? std::isnan(found[0]) : found[0] == std::max(v, floor)));
    }
}

TEST_CASE("simd: the first of a vector, and nothing behind them") {
  auto const in = normals<float>(simd::lanes, 1);
  for (int n = 0; n <= simd::lanes; ++n) {
    float loaded[simd::lanes];
    std::vector<float> stored(simd::lanes, 7.f);
    simd::store(loaded, simd::load_first(in.data(), n));
    simd::store_first(stored.data(), simd::load(in.data()), n);
    for (int i = 0; i < simd::lanes; ++i) {
      CHECK(loaded[i] == (i < n ? in[i] : 0.f));
      CHECK(stored[i] == (i < n ? in[i] : 7.f));
    }
  }
}

TEST_CASE("simd: fma multiplies and adds, rounded once where the machine can") {
  float const a = 1 + std::ldexp(1.f, -12), whole = 1 + std::ldexp(1.f, -11);  // a * a = whole + 2^-24
  float found[simd::lanes];
  simd::store(found, simd::fma(simd::vec(3.f), simd::vec(5.f), simd::vec(-1.f)));
  CHECK(found[0] == 14);
  simd::store(found, simd::fma(simd::vec(a), simd::vec(a), simd::vec(-whole)));
#if defined(__FMA__)
  CHECK(found[0] == std::ldexp(1.f, -24));
#else
  CHECK(found[0] == 0);
#endif
}

TEST_CASE("simd: unroll counts, in order, with constants") {
  std::vector<int> seen;
  simd::unroll<5>([&](auto i) {
    static_assert(decltype(i)::value >= 0);
    seen.push_back(i);
  });
  CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
}

}  // namespace cpu_tests

#endif
