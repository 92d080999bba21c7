#pragma once
// F(6x6, 3x3), and 4 or 2 outputs by the same factors of the weights, as matrices, in double: what the transforms are compared with.
//
//   points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity     y = A^T [ (G w) * (B^T d) ]
#include "frcnn/backend/cpu/kernels/winograd/transforms.hpp"

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
// rows x columns^T
inline matrix both(matrix const& rows, matrix const& x, matrix const& columns) { return rows * x * turned(columns); }

// Of `m` outputs; what they do not need is zero.
struct matrices {
  matrix Bt, At;
};
inline matrices const& exact(int m) {
  static matrices const six{{8, 8, {1, 0,   -5.25, 0,     5.25,  0,     -1, 0,  //
                                    0, 1,   1,     -4.25, -4.25, 1,     1,  0,  //
                                    0, -1,  1,     4.25,  -4.25, -1,    1,  0,  //
                                    0, .5,  .25,   -2.5,  -1.25, 2,     1,  0,  //
                                    0, -.5, .25,   2.5,   -1.25, -2,    1,  0,  //
                                    0, 2,   4,     -2.5,  -5,    .5,    1,  0,  //
                                    0, -2,  4,     2.5,   -5,    -.5,   1,  0,  //
                                    0, -1,  0,     5.25,  0,     -5.25, 0,  1}},
                            {6, 8, {1, 1, 1,  1,  1,   1,      1,       0,  //
                                    0, 1, -1, 2,  -2,  .5,     -.5,     0,  //
                                    0, 1, 1,  4,  4,   .25,    .25,     0,  //
                                    0, 1, -1, 8,  -8,  .125,   -.125,   0,  //
                                    0, 1, 1,  16, 16,  .0625,  .0625,   0,  //
                                    0, 1, -1, 32, -32, .03125, -.03125, 1}}};
  static matrices const four{{8, 6, {1, 0,    -1.25, 0,    .25,  0,  //
                                     0, -3,   -3,    .75,  .75,  0,  //
                                     0, 3,    -3,    -.75, .75,  0,  //
                                     0, -7.5, -3.75, 7.5,  3.75, 0,  //
                                     0, 7.5,  -3.75, -7.5, 3.75, 0,  //
                                     0, 0,    0,     0,    0,    0,  //
                                     0, 0,    0,     0,    0,    0,  //
                                     0, 4,    0,     -5,   0,    1}},
                             {4, 8, {1, 1, 1,  1, 1,  0, 0, 0,  //
                                     0, 1, -1, 2, -2, 0, 0, 0,  //
                                     0, 1, 1,  4, 4,  0, 0, 0,  //
                                     0, 1, -1, 8, -8, 0, 0, 1}}};
  static matrices const two{{8, 4, {1, 0,     -1,    0,  //
                                    0, -2.25, -2.25, 0,  //
                                    0, 2.25,  -2.25, 0,  //
                                    0, 0,     0,     0,  //
                                    0, 0,     0,     0,  //
                                    0, 0,     0,     0,  //
                                    0, 0,     0,     0,  //
                                    0, -1,    0,     1}},
                            {2,
                             8,
                             {1, 1, 1, 0, 0, 0, 0, 0,  //
                              0, 1, -1, 0, 0, 0, 0, 1}}};
  return m == 6 ? six : m == 4 ? four : two;
}
// Of the weights, whatever the outputs.
inline matrix const G{
    8, 3, {1,       0,        0,       -2. / 9,  -2. / 9,  -2. / 9, -2. / 9,  2. / 9,    -2. / 9, 1. / 90, 1. / 45, 2. / 45,
           1. / 90, -1. / 45, 2. / 45, 32. / 45, 16. / 45, 8. / 45, 32. / 45, -16. / 45, 8. / 45, 0,       0,       1}};

// f.template operator()<M>() for each number of outputs.
template <class F>
void for_each_side(F f) {
  f.template operator()<6>();
  f.template operator()<4>();
  f.template operator()<2>();
}

}  // namespace winograd_tests
