#include "frcnn/backend/cpu/kernels/strassen.hpp"

#if FRCNN_HAS_FAST

#include "../tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

// The four tiles of two groups by two panels, [group][panel][rows][panel].
std::vector<float> by_quarters(int rows, int depth, std::vector<float> const& a, std::vector<float> const& b) {
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  int const tile = rows * simd::panel;
  std::vector<float> sums(simd::quarter_sums(rows, depth), none), products(7 * tile, none), c(4 * tile, none);
  simd::paired_rows const pair{rows, depth, a.data(), a.data() + rows * depth, sums.data()};
  simd::sum_quarters(pair, sums.data());
  simd::multiply_quarters(pair, b.data(), b.data() + depth * simd::panel, products.data());
  simd::gather_quarters(rows, products.data(), [&](int group, int i, int panel, int v, simd::vec sum) {
    simd::store(&c[((group * 2 + panel) * rows + i) * simd::panel + v * simd::lanes], sum);
  });
  return c;
}

}  // namespace

TEST_CASE("quarters: every number of rows; of integers, where nothing is rounded, exactly what eight products give") {
  using simd::lanes;
  for (int rows = simd::least_rows_of_two; rows <= simd::tile_rows; ++rows)
    for (int depth : {2 * lanes, 6 * lanes}) {
      CAPTURE(rows);
      CAPTURE(depth);
      auto const a = integers(2 * rows * depth, 1), b = integers(2 * depth * simd::panel, 2);
      std::vector<float> expected;
      for (int group : {0, 1})
        for (int panel : {0, 1}) {
          std::vector<float> tile(rows * simd::panel);
          simd::tile_product const plain{&a[group * rows * depth], &b[panel * depth * simd::panel], tile.data()};
          simd::multiply_tiles(rows, simd::tile_vectors, {&plain, 1}, depth);
          expected.insert(expected.end(), tile.begin(), tile.end());
        }
      CHECK(by_quarters(rows, depth, a, b) == expected);
    }
}

TEST_CASE("quarters: rounding is of the order of that of plain sums; a NaN stays one") {
  int const rows = simd::tile_rows, depth = 64 * simd::lanes;
  auto a = normals<float>(2 * rows * depth, 1);
  auto const b = normals<float>(2 * depth * simd::panel, 2);
  std::vector<double> expected;
  std::vector<float> plain;
  for (int group : {0, 1})
    for (int panel : {0, 1})
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < simd::panel; ++j) {
          double sum = 0;
          float rounded = 0;
          for (int k = 0; k < depth; ++k) {
            float const x = a[group * rows * depth + (k / simd::lanes * rows + i) * simd::lanes + k % simd::lanes];
            float const y = b[panel * depth * simd::panel + k * simd::panel + j];
            sum += static_cast<double>(x) * static_cast<double>(y);
            rounded = std::fma(x, y, rounded);
          }
          expected.push_back(sum);
          plain.push_back(rounded);
        }
  CHECK(relative_l2(by_quarters(rows, depth, a, b), expected) <= 2 * relative_l2(plain, expected));

  a[3 * simd::lanes] = std::numeric_limits<float>::quiet_NaN();  // row 3 of the first group
  auto const c = by_quarters(rows, depth, a, b);
  for (int panel : {0, 1})
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < simd::panel; ++j) {
        CHECK(std::isnan(c[(panel * rows + i) * simd::panel + j]) == (i == 3));
        if (i != 3) CHECK(std::isfinite(c[((2 + panel) * rows + i) * simd::panel + j]));
      }
}

}  // namespace cpu_tests

#endif
