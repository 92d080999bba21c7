#include "frcnn/backend/cpu/product.hpp"

#if FRCNN_HAS_ONEDNN

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <array>

namespace cpu_tests {

TEST_CASE("product: against loops, every transposition, with row strides; the same bits from every number of threads") {
  // Less than a tile; whole panels; a last panel of one vector and less; several blocks of depth; batches for several workers; no depth.
  for (auto [m, n, k] : {std::array{1, 1, 1}, std::array{3, 5, 7}, std::array{15, 64, 48}, std::array{29, 33, 530}, std::array{70, 131, 65},
                         std::array{8, 530, 37}, std::array{2, 20, 1100}, std::array{3, 4, 0}})
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        for (bool add : {false, true}) {
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          CAPTURE(ta);
          CAPTURE(tb);
          CAPTURE(add);
          int const lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
          auto const a = normals<float>(std::size_t(ta ? k : m) * lda, 1), b = normals<float>(std::size_t(tb ? n : k) * ldb, 2);
          auto before = normals<float>(std::size_t(m) * ldc, 3);
          std::vector<double> expected(before.begin(), before.end());
          for (int i = 0; i < m; ++i)
            for (int j = 0; j < n; ++j) {
              double sum = add ? expected[i * ldc + j] : 0;
              for (int l = 0; l < k; ++l)
                sum +=
                    static_cast<double>(ta ? a[l * lda + i] : a[i * lda + l]) * static_cast<double>(tb ? b[j * ldb + l] : b[l * ldb + j]);
              expected[i * ldc + j] = sum;
              if (!add) before[i * ldc + j] = std::numeric_limits<float>::quiet_NaN();
            }
          std::vector<float> first;
          for (int threads : {1, 2, 3}) {
            cpu::context c(threads);
            poison(c);
            auto out = before;
            simd::product(c, m, n, k, {a.data(), lda, ta}, {b.data(), ldb, tb}, out.data(), ldc, add);
            if (threads == 1) first = out;
            CHECK(near(out, expected, tolerance<float>));
            CHECK(same_bits(out, first));
          }
          for (int i = 0; i < m; ++i)
            for (int j = n; j < ldc; ++j) CHECK(first[i * ldc + j] == before[i * ldc + j]);
        }
}

TEST_CASE("product: by quarters, of integers the bits of whole products; an odd row, a part of a pair of panels, several blocks of depth") {
  for (auto [m, n, k] : {std::array{1, 7, 1}, std::array{simd::tile_rows + 1, 20, 40}, std::array{2 * simd::tile_rows, 128, 96}, std::array{2 * simd::tile_rows + 1, 33, 100},
                         std::array{71, 131, 330}, std::array{100, 64, 256}})
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        for (bool add : {false, true}) {
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          int const lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
          auto const a = integers(std::size_t(ta ? k : m) * lda, 1), b = integers(std::size_t(tb ? n : k) * ldb, 2);
          auto const before = integers(std::size_t(m) * ldc, 3);
          cpu::context one(1), three(3);
          auto const multiply = [&]<class Way>(cpu::context& c, Way) {
            poison(c);
            auto out = before;
            simd::detail::product<Way>(c, {96, 2}, m, n, k, {a.data(), lda, ta}, {b.data(), ldb, tb}, out.data(), ldc, add);
            return out;
          };
          auto const whole = multiply(one, simd::detail::by_groups{});
          CHECK(multiply(one, simd::detail::by_quarters{}) == whole);
          CHECK(multiply(three, simd::detail::by_quarters{}) == whole);
        }
}

TEST_CASE("product: empty sides do nothing") {
  float const data[] = {0, 1, 2, 3, 4, 5};
  cpu::context c(2);
  float out = 7;
  simd::product(c, 0, 1, 2, {data, 2}, {data, 1}, &out, 1, false);
  simd::product(c, 1, 0, 2, {data, 2}, {data, 1}, &out, 1, false);
  CHECK(out == 7);
}

TEST_CASE("product: the arena's memory is given back") {
  cpu::context c(2);
  auto const a = normals<float>(40 * 700, 1), b = normals<float>(300 * 700, 2);
  std::vector<float> out(40 * 300);
  auto const run = [&] { simd::product(c, 40, 300, 700, {a.data(), 700}, {b.data(), 700, true}, out.data(), 300, false); };
  run();
  auto const water = c.high_water();
  cpu::context::frame const scope(c);
  void* const at = c.scratch(1);
  run();
  CHECK(c.high_water() <= water + 64);
  CHECK(static_cast<std::byte*>(c.scratch(1)) - static_cast<std::byte*>(at) == 64);
}

}  // namespace cpu_tests

#endif
