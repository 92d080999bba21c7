#include "frcnn/backend/cpu/kernels/register_tile.hpp"

#if FRCNN_HAS_FAST

#include "../tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("register tile: every number of rows and both widths against loops, one product or several; nothing else is read or written") {
  using simd::lanes;
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  for (int vectors : {1, 2})
    for (int rows = 1; rows <= simd::tile_rows; ++rows)
      for (int depth : {lanes, 5 * lanes})
        for (int count : {1, 2, 5}) {
          CAPTURE(vectors);
          CAPTURE(rows);
          CAPTURE(depth);
          CAPTURE(count);
          int const width = vectors * lanes, of_a = rows * depth, of_b = depth * width, of_c = rows * width, gap = 3;
          auto const a = normals<float>(count * of_a, 1), b = normals<float>(count * of_b, 2);
          std::vector<float> c(count * (of_c + gap), none);
          std::vector<double> expected(c.size(), none);
          std::vector<simd::tile_product> products;
          for (int n = 0; n < count; ++n) {
            // A line to fetch: where there is one, it changes nothing.
            products.push_back({&a[n * of_a], &b[n * of_b], &c[n * (of_c + gap)], n % 2 ? simd::prefetch{a.data(), 16} : simd::prefetch{}});
            for (int i = 0; i < rows; ++i)
              for (int j = 0; j < width; ++j) {
                double sum = 0;
                for (int k = 0; k < depth; ++k)
                  sum += static_cast<double>(a[n * of_a + (k / lanes * rows + i) * lanes + k % lanes]) *
                         static_cast<double>(b[n * of_b + k * width + j]);
                expected[n * (of_c + gap) + i * width + j] = sum;
              }
          }
          simd::multiply_tiles(rows, vectors, products, depth);
          for (std::size_t i = 0; i < c.size(); ++i) {
            CHECK(std::isnan(c[i]) == std::isnan(expected[i]));
            if (std::isnan(c[i])) c[i] = 0, expected[i] = 0;
          }
          CHECK(near(c, expected, tolerance<float>));
        }
}

TEST_CASE("register tile: no products, nothing done") { simd::multiply_tiles(3, 2, {}, simd::lanes); }

TEST_CASE("register tile: a row's bits depend neither on its neighbours, nor on the width, nor on the products around it") {
  using simd::lanes;
  int const depth = 7 * lanes;
  auto const a = normals<float>(simd::tile_rows * depth, 1), b = normals<float>(depth * simd::panel, 2);
  std::vector<float> all(simd::tile_rows * simd::panel), again = all, behind = all;
  simd::tile_product const whole[] = {
      {a.data(), b.data(), all.data()}, {a.data(), b.data(), again.data()}, {a.data(), b.data(), behind.data()}};
  simd::multiply_tiles(simd::tile_rows, simd::tile_vectors, whole, depth);
  CHECK(same_bits(all, again));
  CHECK(same_bits(all, behind));

  std::vector<float> last(depth), narrow(depth * lanes);
  for (int k = 0; k < depth; ++k) last[k] = a[(k / lanes * simd::tile_rows + simd::tile_rows - 1) * lanes + k % lanes];
  for (int k = 0; k < depth; ++k) std::copy_n(&b[k * simd::panel + lanes], lanes, &narrow[k * lanes]);
  std::vector<float> one(simd::panel), half(lanes);
  simd::tile_product const row{last.data(), b.data(), one.data()}, part_of_row{last.data(), narrow.data(), half.data()};
  simd::multiply_tiles(1, simd::tile_vectors, {&row, 1}, depth);
  simd::multiply_tiles(1, 1, {&part_of_row, 1}, depth);
  CHECK(same_bits(one, std::vector<float>(all.end() - simd::panel, all.end())));
  CHECK(same_bits(half, std::vector<float>(all.end() - lanes, all.end())));
}

TEST_CASE("register tile: panels that are sums or differences of two, the bits of panels that were added beforehand") {
  using simd::lanes;
  for (int rows = simd::least_rows_of_two; rows <= simd::tile_rows; ++rows)
    for (int depth : {lanes, 5 * lanes}) {
      CAPTURE(rows);
      CAPTURE(depth);
      int const of_b = depth * simd::panel, of_c = rows * simd::panel;
      auto const a = normals<float>(rows * depth, 1), b = normals<float>(of_b, 2), other = normals<float>(of_b, 3);
      for (auto which : {simd::operand::sum, simd::operand::difference}) {
        std::vector<float> added(of_b), expected(of_c), first(of_c, std::numeric_limits<float>::quiet_NaN()), second = first;
        for (int i = 0; i < of_b; ++i) added[i] = which == simd::operand::sum ? b[i] + other[i] : b[i] - other[i];
        simd::tile_product const plain{a.data(), added.data(), expected.data()};
        simd::multiply_tiles(rows, simd::tile_vectors, {&plain, 1}, depth);
        simd::tile_product const two[] = {{a.data(), b.data(), first.data(), {}, other.data()},
                                          {a.data(), b.data(), second.data(), {}, other.data()}};
        simd::multiply_tiles_by(which, rows, two, depth);
        CHECK(same_bits(first, expected));
        CHECK(same_bits(second, expected));
      }
    }
}

}  // namespace cpu_tests

#endif
