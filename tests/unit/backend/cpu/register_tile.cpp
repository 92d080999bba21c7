#include "frcnn/backend/cpu/register_tile.hpp"

#if FRCNN_HAS_ONEDNN

#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("register tile: every number of rows and both widths against loops; set reads nothing, nothing beside the tile is written") {
  using simd::lanes;
  for (int vectors : {1, 2})
    for (int rows = 1; rows <= simd::tile_rows; ++rows)
      for (int depth : {lanes, 5 * lanes})
        for (bool add : {false, true}) {
          CAPTURE(vectors);
          CAPTURE(rows);
          CAPTURE(depth);
          int const width = vectors * lanes, stride = width + 3;
          auto const a = normals<float>(rows * depth, 1), b = normals<float>(depth * width, 2), before = normals<float>(rows * stride, 3);
          auto c = before;
          std::vector<double> expected(rows * stride);
          for (int i = 0; i < rows; ++i)
            for (int j = 0; j < stride; ++j) {
              double sum = add || j >= width ? before[i * stride + j] : 0;
              for (int k = 0; k < depth && j < width; ++k)
                sum += static_cast<double>(a[(k / lanes * rows + i) * lanes + k % lanes]) * static_cast<double>(b[k * width + j]);
              expected[i * stride + j] = sum;
              if (!add && j < width) c[i * stride + j] = std::numeric_limits<float>::quiet_NaN();
            }
          simd::multiply_tile(rows, vectors, a.data(), b.data(), depth, c.data(), stride, add);
          CHECK(near(c, expected, tolerance<float>));
          for (int i = 0; i < rows; ++i)
            for (int j = width; j < stride; ++j) CHECK(c[i * stride + j] == before[i * stride + j]);
        }
}

TEST_CASE("register tile: a row's bits depend neither on its neighbours nor on the width") {
  using simd::lanes;
  int const depth = 7 * lanes;
  auto const a = normals<float>(simd::tile_rows * depth, 1), b = normals<float>(depth * simd::panel, 2);
  std::vector<float> all(simd::tile_rows * simd::panel);
  simd::multiply_tile(simd::tile_rows, simd::tile_vectors, a.data(), b.data(), depth, all.data(), simd::panel, false);
  std::vector<float> last(depth), narrow(depth * lanes);
  for (int k = 0; k < depth; ++k) last[k] = a[(k / lanes * simd::tile_rows + simd::tile_rows - 1) * lanes + k % lanes];
  for (int k = 0; k < depth; ++k) std::copy_n(&b[k * simd::panel + lanes], lanes, &narrow[k * lanes]);
  std::vector<float> one(simd::panel), half(lanes);
  simd::multiply_tile(1, simd::tile_vectors, last.data(), b.data(), depth, one.data(), simd::panel, false);
  simd::multiply_tile(1, 1, last.data(), narrow.data(), depth, half.data(), lanes, false);
  CHECK(same_bits(one, std::vector<float>(all.end() - simd::panel, all.end())));
  CHECK(same_bits(half, std::vector<float>(all.end() - lanes, all.end())));
}

}  // namespace cpu_tests

#endif
