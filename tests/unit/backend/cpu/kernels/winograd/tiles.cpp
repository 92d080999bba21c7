#include "frcnn/backend/cpu/kernels/winograd/tiles.hpp"

#if FRCNN_HAS_FAST

#include "small_map.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace cpu_tests {

namespace {

using winograd_tests::matrix;
constexpr int lanes = simd::lanes, stride = 3 * lanes;  // of factors and sums

// One vector's factors: everything between them stays as it was.
std::vector<float> factors(small_map const& map, int y0, int x0, winograd::tile_kind kind, bool inside, int first) {
  std::vector<float> v(winograd::products * stride, 9.f);
  winograd::transform_window(map.at(y0, x0, kind), inside, first, {v.data(), stride});
  return v;
}

std::vector<winograd::tile_kind> const kinds = {{6, 6}, {6, 4}, {6, 2}, {4, 6}, {4, 4}, {4, 2}, {2, 6}, {2, 4}, {2, 2}};

// Random sums and the block of outputs that follows, for each lane.
struct sums {
  std::vector<float> m = normals<float>(winograd::products * stride, 2);
  double output(int i, int j, int lane, winograd::tile_kind kind = {}) const {
    matrix q = winograd_tests::zeros(winograd::inputs, winograd::inputs);
    for (int k = 0; k < winograd::products; ++k) q.at[std::size_t(k)] = m[std::size_t(k * stride + lane)];
    return both(winograd_tests::exact(kind.rows).At, q, winograd_tests::exact(kind.columns).At)(i, j);
  }
};
bool close(float found, double expected) {
  return std::abs(static_cast<double>(found) - expected) <= 5e-4;
}  // outputs are of size 100 to 1000

// A map of outputs of which a block is written; what was there before is 5.
struct canvas {
  static constexpr int height = 8, width = 9, pixel = 2 * lanes + 3, at = 3;
  std::vector<float> values = std::vector<float>(height * width * pixel, 5.f);

  winograd::block_target block(int y0, int rows, int x0, int columns, winograd::tile_kind kind = {}) {
    winograd::block_target to{{}, rows, x0, columns, pixel, false, kind};
    for (int i = 0; i < rows; ++i) to.row[i] = &values[static_cast<std::size_t>((y0 + i) * width * pixel)];
    return to;
  }
  // expected(y, x, lane): NaN where nothing is written.
  template <class F>
  void check(F expected) const {
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int k = 0; k < pixel; ++k) {
          double const e = k >= at && k < at + lanes ? expected(y, x, k - at) : std::numeric_limits<double>::quiet_NaN();
          float const found = values[static_cast<std::size_t>((y * width + x) * pixel + k)];
          CAPTURE(y);
          CAPTURE(x);
          CAPTURE(k);
          CHECK((std::isnan(e) ? found == 5.f : close(found, e)));
        }
  }
};
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("tiles: a window's factors are B^T d B, zeros outside the map; a kind of tile has those it needs") {
  for (auto [height, width] : {std::pair{9, 10}, std::pair{1, 1}, std::pair{3, 5}, std::pair{6, 6}, std::pair{8, 8}}) {
    small_map const map{height, width};
    for (auto const kind : kinds)
      for (int y0 = -1; y0 < height; ++y0)
        for (int x0 = -1; x0 < width; ++x0)
          for (int first : {0, lanes}) {
            bool const inside = map.at(y0, x0, kind).inside();
            CHECK(inside == (kind.whole() && y0 >= 0 && y0 + winograd::inputs <= height && x0 >= 0 && x0 + winograd::inputs <= width));
            auto const v = factors(map, y0, x0, kind, inside, first);
            std::vector<double> expected(v.size(), 9.);
            for (int l = 0; l < lanes; ++l) {
              auto const q =
                  both(winograd_tests::exact(kind.rows).Bt, map.patch(y0, x0, kind, first + l), winograd_tests::exact(kind.columns).Bt);
              for (int k = 0; k < winograd::products; ++k)
                if (kind.needs(k)) expected[std::size_t(k * stride + l)] = q.at[std::size_t(k)];
            }
            CHECK(near(v, expected, 1e-6));
            if (inside) CHECK(same_bits(v, factors(map, y0, x0, kind, false, first)));  // neither way of loading changes a bit
          }
  }
}

TEST_CASE("tiles: outputs are A^T m A, with bias and ReLU") {
  sums const s;
  auto const bias = normals<float>(canvas::pixel, 3);
  for (bool relu : {false, true})
    for (bool biased : {false, true}) {
      canvas c;
      winograd::finish_block(s.m.data(), stride, {.bias = biased ? bias.data() : nullptr, .relu = relu},
                             c.block(1, winograd::outputs, 2, winograd::outputs), canvas::at);
      c.check([&](int y, int x, int l) {
        if (y < 1 || y >= 1 + winograd::outputs || x < 2 || x >= 2 + winograd::outputs) return nothing;
        double const v = s.output(y - 1, x - 2, l) + (biased ? static_cast<double>(bias[std::size_t(canvas::at + l)]) : 0);
        return relu ? std::max(v, 0.) : v;
      });
    }
}

TEST_CASE("tiles: a block at the edge of the map writes what is inside; add adds") {
  sums const s;
  for (int rows = 0; rows <= winograd::outputs; ++rows)
    for (int columns = 0; columns <= winograd::outputs; ++columns)
      for (bool add : {false, true}) {
        canvas c;
        winograd::finish_block(s.m.data(), stride, {.add = add}, c.block(2, rows, 3, columns), canvas::at);
        c.check([&](int y, int x, int l) {
          bool const there = y >= 2 && y < 2 + rows && x >= 3 && x < 3 + columns;
          return there ? s.output(y - 2, x - 3, l) + (add ? 5 : 0) : nothing;
        });
      }
}

TEST_CASE("tiles: a kind of tile makes its outputs from the sums that it needs, plain, added or pooled") {
  for (auto const kind : kinds)
    for (bool pool : {false, true}) {
      sums s;
      for (int q = 0; q < winograd::products; ++q)
        if (!kind.needs(q)) std::fill_n(&s.m[std::size_t(q * stride)], lanes, std::numeric_limits<float>::quiet_NaN());
      sums zeroed = s;
      for (float& v : zeroed.m)
        if (std::isnan(v)) v = 0;
      int const step = pool ? 2 : 1, rows = kind.rows / step, columns = kind.columns / step;
      canvas c;
      winograd::finish_block(s.m.data(), stride, {.add = !pool, .pool = pool}, c.block(1, rows, 2, columns, kind), canvas::at);
      c.check([&](int y, int x, int l) {
        if (y < 1 || y >= 1 + rows || x < 2 || x >= 2 + columns) return nothing;
        if (!pool) return zeroed.output(y - 1, x - 2, l, kind) + 5;
        double most = -std::numeric_limits<double>::infinity();
        for (int i = 0; i < 4; ++i) most = std::max(most, zeroed.output(2 * (y - 1) + i / 2, 2 * (x - 2) + i % 2, l, kind));
        return most;
      });
    }
}

TEST_CASE("tiles: pooling takes the largest of four, after bias and ReLU") {
  sums const s;
  auto const bias = normals<float>(canvas::pixel, 3);
  for (int rows = 0; rows <= winograd::outputs / 2; ++rows)
    for (int columns = 0; columns <= winograd::outputs / 2; ++columns) {
      canvas c;
      winograd::finish_block(s.m.data(), stride, {.bias = bias.data(), .relu = true, .pool = true}, c.block(1, rows, 4, columns),
                             canvas::at);
      c.check([&](int y, int x, int l) {
        if (y < 1 || y >= 1 + rows || x < 4 || x >= 4 + columns) return nothing;
        double most = 0;
        for (int i = 0; i < 4; ++i)
          most = std::max(most,
                          s.output(2 * (y - 1) + i / 2, 2 * (x - 4) + i % 2, l) + static_cast<double>(bias[std::size_t(canvas::at + l)]));
        return most;
      });
    }
}

TEST_CASE("tiles: NaN passes ReLU and pooling, in its own lane") {
  // Product (1, 1) is read by all outputs, (0, 0) by the first alone, the last by the last.
  int const all = winograd::inputs + 1;
  for (int product : {0, all, winograd::products - 1})
    for (bool pool : {false, true}) {
      CAPTURE(product);
      CAPTURE(pool);
      sums s;
      s.m[std::size_t(product * stride + 1)] = std::numeric_limits<float>::quiet_NaN();
      canvas c;
      int const side = pool ? winograd::outputs / 2 : winograd::outputs;
      winograd::finish_block(s.m.data(), stride, {.relu = true, .pool = pool}, c.block(0, side, 0, side), 0);
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
          for (int l = 0; l < lanes; ++l) {
            bool const read = product == all || (product == 0 ? y + x == 0 : y + x == 2 * side - 2);
            CHECK(std::isnan(c.values[std::size_t((y * canvas::width + x) * canvas::pixel + l)]) == (l == 1 && read));
          }
    }
}

TEST_CASE("tiles: written around the caches, factors have the same bits, and nothing beside them is written") {
  small_map const map{9, 10};
  struct alignas(64) all_factors {
    float values[winograd::products * stride];
  } around;
  for (auto const kind : kinds)
    for (int x0 : {-1, 1}) {
      bool const inside = map.at(0, x0, kind).inside();
      std::fill(std::begin(around.values), std::end(around.values), 9.f);
      winograd::transform_window(map.at(0, x0, kind), inside, 0, {around.values, stride, true});
      simd::stream_done();
      auto const through = factors(map, 0, x0, kind, inside, 0);
      CHECK(std::equal(through.begin(), through.end(), around.values));
    }
}

TEST_CASE("tiles: written around the caches, a block has the same bits") {
  sums const s;
  constexpr int side = winograd::outputs;
  struct alignas(64) map {
    float values[side * side * lanes] = {};
  } through, around;
  for (auto* m : {&through, &around}) {
    winograd::block_target to{{}, side, 0, side, lanes, m == &around};
    for (int i = 0; i < side; ++i) to.row[i] = m->values + i * side * lanes;
    winograd::finish_block(s.m.data(), stride, {.relu = true}, to, 0);
  }
  simd::stream_done();
  CHECK(std::equal(std::begin(through.values), std::end(through.values), around.values));
  CHECK(std::any_of(std::begin(through.values), std::end(through.values), [](float v) { return v > 0; }));
}

}  // namespace cpu_tests

#endif
