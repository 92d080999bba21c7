#include "frcnn/backend/cpu/kernels/pack.hpp"

#if FRCNN_HAS_FAST

#include "../tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("pack: a view that begins elsewhere") {
  float const data[] = {0, 1, 2, 3, 4, 5};
  CHECK(*simd::matrix_ref{data, 3}.from(1, 2).data == 5);
  CHECK(*simd::matrix_ref{data, 3, true}.from(2, 1).data == 5);
}

TEST_CASE("pack: rows and panels hold the matrix, and zeros beyond it") {
  using simd::lanes;
  int const count = 3, rows = 5, depth = lanes + 2, whole = 3 * lanes, columns = lanes + 1, width = 2 * lanes, stride = 4 * lanes;
  auto const data = normals<float>(stride * stride, 1);
  for (bool transposed : {false, true}) {
    CAPTURE(transposed);
    simd::matrix_ref const m{data.data(), stride, transposed};
    auto out = nans<float>(rows * whole);
    simd::pack_rows(m, count, depth, rows, whole, out.data());
    for (int i = 0; i < rows; ++i)
      for (int k = 0; k < whole; ++k)
        CHECK(out[(k / lanes * rows + i) * lanes + k % lanes] == (i < count && k < depth ? *m.from(i, k).data : 0.f));

    auto panel = nans<float>(whole * width), line = nans<float>(simd::line_floats(whole));
    simd::pack_panel(m, depth, columns, whole, width, line.data(), panel.data());
    for (int k = 0; k < whole; ++k)
      for (int j = 0; j < width; ++j) CHECK(panel[k * width + j] == (k < depth && j < columns ? *m.from(k, j).data : 0.f));
  }
}

}  // namespace cpu_tests

#endif
