#include "frcnn/backend/cpu/portable/product.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace cpu_tests {

namespace {

// op(a) [m, k] * op(b) [k, n] by loops in double; a and b with row strides lda and ldb.
template <class T>
std::vector<double> by_loops(bool ta, bool tb, int m, int n, int k, std::vector<T> const& a, int lda, std::vector<T> const& b, int ldb) {
  std::vector<double> out;
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l)
        sum += static_cast<double>(ta ? a[l * lda + i] : a[i * lda + l]) * static_cast<double>(tb ? b[j * ldb + l] : b[l * ldb + j]);
      out.push_back(sum);
    }
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("portable product: rows, columns and depths around the blocks, every transposition", T, float, double) {
  // Groups are of 6 or 14 rows, panels of 4 to 32 columns, blocks of 64 to 128 columns and of 256 in depth.
  for (auto [m, n, k] : {std::array{1, 1, 1}, std::array{2, 33, 256}, std::array{3, 128, 257}, std::array{13, 31, 255},
                         std::array{14, 129, 3}, std::array{29, 260, 513}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        int const lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
        auto const a = normals<T>(std::size_t(ta ? k : m) * lda, 1), b = normals<T>(std::size_t(tb ? n : k) * ldb, 2);
        auto const before = normals<T>(std::size_t(m) * ldc, 3);
        auto const sums = by_loops<T>(ta, tb, m, n, k, a, lda, b, ldb);
        std::vector<double> expected(before.begin(), before.end());
        for (int i = 0; i < m; ++i)
          for (int j = 0; j < n; ++j) expected[i * ldc + j] = 1.5 * sums[i * n + j] + 0.5 * before[i * ldc + j];
        std::vector<T> out = before;
        cpu_backend::portable::product<T>(ta, tb, m, n, k, T(1.5), a.data(), lda, b.data(), ldb, T(0.5), out.data(), ldc);
        CHECK(near(out, expected, tolerance<T>));  // what lies behind a row of C as well
      }
}

TEST_CASE_TEMPLATE("portable product: the bits of an element depend on its row and column alone", T, float, double) {
  int const m = 40, n = 150, k = 600;
  auto const a = normals<T>(std::size_t(m) * k, 1), b = normals<T>(std::size_t(k) * n, 2);
  std::vector<T> whole(std::size_t(m) * n);
  cpu_backend::portable::product<T>(false, false, m, n, k, T(1), a.data(), k, b.data(), n, T(0), whole.data(), n);
  for (auto [row, rows, column, columns] : {std::array{0, 1, 0, 1}, std::array{39, 1, 149, 1}, std::array{7, 20, 30, 101}}) {
    std::vector<T> part(std::size_t(rows) * columns), same;
    cpu_backend::portable::product<T>(false, false, rows, columns, k, T(1), a.data() + row * k, k, b.data() + column, n, T(0), part.data(),
                                      columns);
    for (int i = 0; i < rows; ++i) same.insert(same.end(), &whole[(row + i) * n + column], &whole[(row + i) * n + column] + columns);
    CHECK(same_bits(part, same));
  }
}

TEST_CASE("portable product: beta 0 does not read C, depth 0 leaves beta C, what is not finite stays in its row and column") {
  using cpu_backend::portable::product;
  std::vector<float> const a{1, 2}, b{3, 4};
  std::vector<float> c = nans<float>(1);
  product<float>(false, true, 1, 1, 2, 1, a.data(), 2, b.data(), 2, 0, c.data(), 1);
  CHECK(c[0] == 11);
  product<float>(false, true, 1, 1, 0, 1, a.data(), 2, b.data(), 2, 2, c.data(), 1);
  CHECK(c[0] == 22);
  product<float>(false, true, 1, 1, 0, 1, a.data(), 2, b.data(), 2, 0, c.data(), 1);
  CHECK(c[0] == 0);
  product<float>(false, true, 0, 1, 2, 1, a.data(), 2, b.data(), 2, 0, nullptr, 1);
  product<float>(false, true, 1, 0, 2, 1, a.data(), 2, b.data(), 2, 0, nullptr, 1);

  int const m = 5, n = 7, k = 300;
  std::vector<float> left(m * k, 1.f), right(k * n, 1.f), out(m * n);
  left[2 * k + 270] = std::numeric_limits<float>::infinity();
  right[299 * n + 3] = std::numeric_limits<float>::quiet_NaN();
  product<float>(false, false, m, n, k, 1, left.data(), k, right.data(), n, 0, out.data(), n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float const x = out[i * n + j];
      CHECK((j == 3 ? x != x : i == 2 ? x == std::numeric_limits<float>::infinity() : x == 300));
    }
}

}  // namespace cpu_tests
