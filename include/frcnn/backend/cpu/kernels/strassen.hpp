#pragma once
// One level of Strassen's algorithm (1969, "Gaussian elimination is not optimal"): four tiles of a product from seven products of half the
// depth instead of eight. It saves an eighth of the multiplications; the relative L2 error is up to twice the plain product's. Row i of one
// group and row i of the other share sums: if one is much larger, the other has its rounding error, and a NaN in one reaches both. Where a
// row is s times the other in scale, the smaller one's relative L2 error is about 6e-7 s, and 1e-6 where both are alike.
// cpu_options{.strassen = false} multiplies row by row.
//
//   two groups of rows, two panels, depth in halves
//
//     C11 C12     A11 A12     B11 B12        M1 = (A11 + A22)(B11 + B22)     C11 = M1 + M4 - M5 + M7
//     C21 C22  =  A21 A22  *  B21 B22        M2 = (A21 + A22) B11            C12 = M3 + M5
//                                            M3 = A11 (B12 - B22)            C21 = M2 + M4
//                                            M4 = A22 (B21 - B11)            C22 = M1 - M2 + M3 + M6
//                                            M5 = (A11 + A12) B22
//                                            M6 = (A21 - A11)(B11 + B12)
//                                            M7 = (A12 - A22)(B21 + B22)
// Sums of A are written once for all panels; those of B are made as the register tile reads its rows.
#include "frcnn/backend/cpu/kernels/register_tile.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::simd {

// Two groups of as many rows, each [depth / lanes][rows][lanes] as the register tile reads them. depth is a multiple of 2 * lanes; rows are
// least_rows_of_two to tile_rows.
struct paired_rows {
  int rows, depth;
  float const *first, *second;
  float const* sums;  // sum_quarters

  std::ptrdiff_t quarter() const { return static_cast<std::ptrdiff_t>(rows) * (depth / 2); }
};
constexpr std::size_t quarter_sums(int rows, int depth) { return 5 * static_cast<std::size_t>(rows) * static_cast<std::size_t>(depth / 2); }

// A11 + A22, A21 + A22, A11 + A12, A21 - A11, A12 - A22 of a pair, one behind the other: quarter_sums floats.
inline void sum_quarters(paired_rows const& p, float* sums) {
  std::ptrdiff_t const n = p.quarter();
  for (std::ptrdiff_t i = 0; i < n; i += lanes, sums += lanes) {
    vec const a11 = load(p.first + i), a12 = load(p.first + n + i), a21 = load(p.second + i), a22 = load(p.second + n + i);
    store(sums, a11 + a22);
    store(sums + n, a21 + a22);
    store(sums + 2 * n, a11 + a12);
    store(sums + 3 * n, a21 - a11);
    store(sums + 4 * n, a12 - a22);
  }
}

// The seven products of a pair with panels b1 and b2 [depth][panel]: [7][rows][panel].
inline void multiply_quarters(paired_rows const& p, float const* b1, float const* b2, float* products) {
  std::ptrdiff_t const n = p.quarter(), half = static_cast<std::ptrdiff_t>(p.depth / 2) * panel;
  float const *const a11 = p.first, *const a22 = p.second + n;
  float const *const b11 = b1, *const b21 = b1 + half, *const b12 = b2, *const b22 = b2 + half;
  auto const sum = [&](int i) { return p.sums + i * n; };
  auto const m = [&](int i) { return products + (i - 1) * p.rows * panel; };
  tile_product const of_one[] = {{sum(1), b11, m(2)}, {sum(2), b22, m(5)}};
  tile_product const of_sums[] = {{sum(0), b11, m(1), {}, b22}, {sum(3), b11, m(6), {}, b12}, {sum(4), b21, m(7), {}, b22}};
  tile_product const of_differences[] = {{a11, b12, m(3), {}, b22}, {a22, b21, m(4), {}, b11}};
  multiply_tiles(p.rows, tile_vectors, of_one, p.depth / 2);
  multiply_tiles_by(operand::sum, p.rows, of_sums, p.depth / 2);
  multiply_tiles_by(operand::difference, p.rows, of_differences, p.depth / 2);
}

// put(group, row, panel, v, sum) takes the four tiles: vector v of a row of the first or second group by the first or second panel.
template <class Put>
void gather_quarters(int rows, float const* products, Put put) {
  int const tile = rows * panel;
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < tile_vectors; ++v, products += lanes) {
      vec m[7];
      FRCNN_UNROLL
      for (int j = 0; j < 7; ++j) m[j] = load(products + j * tile);
      put(0, i, 0, v, (m[0] + m[3]) + (m[6] - m[4]));
      put(0, i, 1, v, m[2] + m[4]);
      put(1, i, 0, v, m[1] + m[3]);
      put(1, i, 1, v, (m[0] - m[1]) + (m[2] + m[5]));
    }
}

}  // namespace frcnn::cpu_backend::simd
FRCNN_HIDDEN_END

#endif
