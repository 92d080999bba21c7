#pragma once
// F(6x6, 3x3) as matrices, in double: what the transforms are compared with.
//
//   points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity     y = A^T [ (G w) * (B^T d) ]
#include "frcnn/backend/cpu/winograd/transforms.hpp"

#include <cstddef>
#include <vector>

namespace winograd_tests {

struct matrix {
  int rows, columns;
  std::vector<double> at;
  double operator()(int i, int j) const { return at[static_cast<std::size_t>(i * columns + j)]; }
  double& operator()(int i, int j) { return at[static_cast<std::size_t>(i * columns + j)]; }
};
inline matrix zeros(int rows, int columns) { return {rows, columns, std::vector<double>(static_cast<std::size_t>(rows * columns))}; }
inline matrix turned(matrix const& m) {
  matrix t = zeros(m.columns, m.rows);
  for (int i = 0; i < m.rows; ++i)
    for (int j = 0; j < m.columns; ++j) t(j, i) = m(i, j);
  return t;
}
inline matrix operator*(matrix const& a, matrix const& b) {
  matrix c = zeros(a.rows, b.columns);
  for (int i = 0; i < a.rows; ++i)
    for (int j = 0; j < b.columns; ++j)
      for (int k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}
// Both ways: m x m^T
inline matrix both(matrix const& m, matrix const& x) { return m * x * turned(m); }

inline struct {
  matrix Bt, At, G;
} const exact{
    {8, 8, {1, 0,   -5.25, 0,     5.25,  0,     -1, 0,  //
            0, 1,   1,     -4.25, -4.25, 1,     1,  0,  //
            0, -1,  1,     4.25,  -4.25, -1,    1,  0,  //
            0, .5,  .25,   -2.5,  -1.25, 2,     1,  0,  //
            0, -.5, .25,   2.5,   -1.25, -2,    1,  0,  //
            0, 2,   4,     -2.5,  -5,    .5,    1,  0,  //
            0, -2,  4,     2.5,   -5,    -.5,   1,  0,  //
            0, -1,  0,     5.25,  0,     -5.25, 0,  1}},
    {6, 8, {1, 1, 1,  1,  1,   1,       1,        0,  //
            0, 1, -1, 2,  -2,  .5,      -.5,      0,  //
            0, 1, 1,  4,  4,   .25,     .25,      0,  //
            0, 1, -1, 8,  -8,  .125,    -.125,    0,  //
            0, 1, 1,  16, 16,  .0625,   .0625,    0,  //
            0, 1, -1, 32, -32, .03125,  -.03125,  1}},
    {8, 3, {1,       0,        0,       -2. / 9, -2. / 9,  -2. / 9, -2. / 9,  2. / 9,   -2. / 9, 1. / 90,  1. / 45,  2. / 45,
            1. / 90, -1. / 45, 2. / 45, 32. / 45, 16. / 45, 8. / 45, 32. / 45, -16. / 45, 8. / 45, 0,        0,        1}}};

}  // namespace winograd_tests
