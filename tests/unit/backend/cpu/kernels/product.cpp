#include "frcnn/backend/cpu/kernels/product.hpp"

#if FRCNN_HAS_FAST

#include "../tensors.hpp"

#include <doctest/doctest.h>

#include <array>

namespace cpu_tests {

namespace {

// c [m, n] = a [m, k] * b [k, n] in rows that are longer than they need be.
struct layout {
  int m, n, k;
  bool ta, tb;
  int lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;

  std::size_t size_of_a() const { return std::size_t(ta ? k : m) * lda; }
  std::size_t size_of_b() const { return std::size_t(tb ? n : k) * ldb; }
  std::size_t size_of_c() const { return std::size_t(m) * ldc; }
  simd::matrix_ref a_in(std::vector<float> const& v) const { return {v.data(), lda, ta}; }
  simd::matrix_ref b_in(std::vector<float> const& v) const { return {v.data(), ldb, tb}; }
};

// f(layout, add) for each shape, every transposition, setting and adding.
template <class F>
void for_each_layout(std::initializer_list<std::array<int, 3>> shapes, F f) {
  for (auto const& shape : shapes)
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        for (bool add : {false, true}) {
          int const m = shape[0], n = shape[1], k = shape[2];
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          CAPTURE(ta);
          CAPTURE(tb);
          CAPTURE(add);
          f(layout{m, n, k, ta, tb}, add);
        }
}

}  // namespace

TEST_CASE("product: against loops, every transposition, with row strides; the same bits from every number of threads") {
  // Less than a tile; whole panels; a last panel of one vector and less; several blocks of depth; batches for several workers; no depth.
  for_each_layout({{1, 1, 1}, {3, 5, 7}, {15, 64, 48}, {29, 33, 530}, {70, 131, 65}, {8, 530, 37}, {2, 20, 1100}, {3, 4, 0}},
                  [](layout const& l, bool add) {
                    auto const a = normals<float>(l.size_of_a(), 1), b = normals<float>(l.size_of_b(), 2);
                    auto before = normals<float>(l.size_of_c(), 3);
                    std::vector<double> expected(before.begin(), before.end());
                    for (int i = 0; i < l.m; ++i)
                      for (int j = 0; j < l.n; ++j) {
                        double sum = add ? expected[i * l.ldc + j] : 0;
                        for (int k = 0; k < l.k; ++k)
                          sum += static_cast<double>(l.ta ? a[k * l.lda + i] : a[i * l.lda + k]) *
                                 static_cast<double>(l.tb ? b[j * l.ldb + k] : b[k * l.ldb + j]);
                        expected[i * l.ldc + j] = sum;
                        if (!add) before[i * l.ldc + j] = std::numeric_limits<float>::quiet_NaN();
                      }
                    std::vector<float> first;
                    for (int threads : {1, 2, 3, 8}) {
                      cpu::context c(threads);
                      poison(c);
                      auto out = before;
                      simd::product(c, l.m, l.n, l.k, l.a_in(a), l.b_in(b), out.data(), l.ldc, add);
                      if (threads == 1) first = out;
                      CHECK(near(out, expected, tolerance<float>));
                      CHECK(same_bits(out, first));
                    }
                    for (int i = 0; i < l.m; ++i)
                      for (int j = l.n; j < l.ldc; ++j) CHECK(first[i * l.ldc + j] == before[i * l.ldc + j]);
                  });
}

TEST_CASE("product: by quarters, of integers the bits of whole products; an odd row, a part of a pair of panels, several blocks of depth") {
  constexpr int tile = simd::tile_rows;
  for_each_layout({{1, 7, 1}, {tile + 1, 20, 40}, {2 * tile, 128, 96}, {2 * tile + 1, 33, 100}, {71, 131, 330}, {100, 64, 256}},
                  [](layout const& l, bool add) {
                    auto const a = integers(l.size_of_a(), 1), b = integers(l.size_of_b(), 2), before = integers(l.size_of_c(), 3);
                    cpu::context one(1), three(3), seven(7);
                    auto const multiply = [&]<class Way>(cpu::context& c, Way) {
                      poison(c);
                      auto out = before;
                      simd::detail::product<Way>(c, {96, 2}, l.m, l.n, l.k, l.a_in(a), l.b_in(b), out.data(), l.ldc, add);
                      return out;
                    };
                    auto const whole = multiply(one, simd::detail::by_groups{});
                    CHECK(multiply(one, simd::detail::by_quarters{}) == whole);
                    CHECK(multiply(three, simd::detail::by_quarters{}) == whole);
                    CHECK(multiply(seven, simd::detail::by_groups{}) == whole);
                    CHECK(multiply(seven, simd::detail::by_quarters{}) == whole);
                  });
}

TEST_CASE("product: by quarters, an image's rows have the same bits alone and in a batch, whatever its company is") {
  constexpr int m = 71, n = 64, k = 200;
  auto const a = normals<float>(2 * m * k, 1), b = normals<float>(n * k, 2);
  cpu::context c(2);
  auto const multiply = [&]<class Way>(Way, std::vector<float> const& rows, int images) {
    std::vector<float> out(rows.size() / k * n);
    simd::detail::product<Way>(c, {96, 2}, int(rows.size() / k), n, k, {rows.data(), k}, {b.data(), k, true}, out.data(), n, false, images);
    return out;
  };
  auto const image = [](std::vector<float> const& all, int i) {
    auto const size = std::ptrdiff_t(all.size() / 2);
    return std::vector<float>(all.begin() + i * size, all.begin() + (i + 1) * size);
  };
  auto broken = a;
  broken[5] = std::numeric_limits<float>::quiet_NaN();
  broken[7 * k] *= 1e6f;
  auto const check = [&](auto way, bool rows_are_alone) {
    auto const both = multiply(way, a, 2), beside = multiply(way, broken, 2);
    CHECK(same_bits(multiply(way, image(a, 0), 1), image(both, 0)));
    CHECK(same_bits(multiply(way, image(a, 1), 1), image(both, 1)));
    CHECK(same_bits(image(beside, 1), image(both, 1)));
    bool alone = true;
    for (int i = 1; i < m; ++i)
      for (int j = 0; i != 7 && j < n; ++j) alone &= beside[i * n + j] == both[i * n + j];
    CHECK(alone == rows_are_alone);
  };
  check(simd::detail::by_quarters{}, false);
  check(simd::detail::by_groups{}, true);
}

TEST_CASE("product: quarters are for large weights, and can be turned off") {
  constexpr int m = 28, n = 4096, k = 1040;
  auto const a = normals<float>(m * k, 1), b = normals<float>(n * k, 2);
  auto const multiply = [&](cpu_options const& options) {
    cpu::context c(options);
    std::vector<float> out(m * n);
    simd::product(c, m, n, k, {a.data(), k}, {b.data(), k, true}, out.data(), n, false);
    return out;
  };
  auto const quarters = multiply({.threads = 2}), whole = multiply({.threads = 2, .strassen = false});
  CHECK(!same_bits(quarters, whole));
  CHECK(relative_l2(quarters, whole) < 3e-6);
}

TEST_CASE("product: the parts of a grid cover every block once, and each has work") {
  using simd::detail::worker_grid;
  for (int threads : {1, 2, 3, 4, 7, 16, 64})
    for (int blocks : {1, 2, 11, 23})
      for (int batches : {1, 3, 64}) {
        auto const grid = worker_grid::of(threads, blocks, 28, batches, 64, 5000);
        CAPTURE(threads);
        CAPTURE(blocks);
        CAPTURE(batches);
        REQUIRE(grid.size() <= threads);
        std::vector<int> times(std::size_t(blocks), 0);
        for (int part = 0; part < grid.rows; ++part) {
          auto const [first, last] = grid.blocks_of(part, blocks);
          CHECK(first < last);
          for (int i = first; i < last; ++i) ++times[std::size_t(i)];
        }
        CHECK(std::ranges::count(times, 1) == std::ptrdiff_t(times.size()));
      }
  // fc6 of VGG-16 at 300 rows: few workers take all rows each; of many, those rows would not fit into a cache.
  CHECK(worker_grid::of(2, 11, 28, 64, 64, 4608).rows == 1);
  CHECK(worker_grid::of(16, 11, 28, 64, 64, 4608).rows > 1);
  CHECK(worker_grid::of(8, 64, 28, 1, 64, 100).rows == 8);  // one batch of columns
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
