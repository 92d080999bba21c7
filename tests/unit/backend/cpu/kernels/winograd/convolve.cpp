#include "frcnn/backend/cpu/kernels/winograd/convolve.hpp"
#include "frcnn/backend/cpu/kernels/winograd/convolve_by_panels.hpp"

#if FRCNN_HAS_FAST

#include "../../convolutions.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace cpu_tests {

namespace {

constexpr double feature_tolerance = 1e-5;  // relative L2 against direct convolution

layer_case of(int images, int channels, int out_channels, int height, int width, bool relu = true) {
  return {{channels, out_channels, 3, 1, 1, relu}, {{images, channels, height, width}}};
}
// Maps smaller than a tile, that end within one, by one to five pixels each way, of one row or column of pixels; several images, none; one
// and a half panels; blocks of several groups of tiles.
std::vector<layer_case> const sizes = {
    of(1, 16, 16, 1, 1),  of(1, 16, 32, 2, 3),  of(2, 32, 16, 4, 4),   of(1, 48, 48, 5, 9),   of(3, 16, 48, 7, 1),
    of(1, 32, 32, 1, 18), of(2, 16, 16, 13, 8), of(1, 64, 80, 11, 6),  of(1, 256, 16, 9, 41), of(1, 512, 16, 20, 8),
    of(1, 16, 16, 23, 2), of(0, 16, 16, 5, 5),  of(2, 32, 48, 10, 15), of(1, 16, 16, 3, 13),  of(3, 16, 32, 7, 7),
};

// The two ways: from factors made beforehand, and from the weights themselves.
struct by_tiles {
  static void convolve(cpu::context& c, winograd::weights_view w, winograd::epilogue const& e, float const* x, shape<4> dims, float* y) {
    auto u = nans<float>(winograd::factors(w.channels, w.out_channels));
    winograd::transform_weights(c, w, u.data());
    winograd::convolve(c, {w.channels, w.out_channels, u.data(), e}, x, dims, y);
  }
};
struct by_panels {
  static void convolve(cpu::context& c, winograd::weights_view w, winograd::epilogue const& e, float const* x, shape<4> dims, float* y) {
    winograd::convolve_by_panels(c, w, e, x, dims, y);
  }
};

template <class Way>
struct layer : numbered {
  using numbered::numbered;

  // y, which holds `before`, or x's gradient of g, by the layer's weights.
  std::vector<float> forward(cpu::context& c, winograd::epilogue e, shape<4> out, std::vector<float> const& before) const {
    poison(c);
    tensor<float> tx(c, xs, x), ty(c, out, before);
    Way::convolve(c, {stored.data(), spec.in_channels, spec.out_channels}, e, tx.a.data, xs, ty.a.data);
    return ty.plain();
  }
  std::vector<float> forward(cpu::context& c) const {
    return forward(c, {.bias = b.data(), .relu = spec.relu}, ys, nans<float>(ys.size()));
  }
  std::vector<float> backward_data(cpu::context& c, bool add, std::vector<float> const& before) const {
    poison(c);
    tensor<float> tdy(c, ys, g), tdx(c, xs, before);
    Way::convolve(c, {stored.data(), spec.out_channels, spec.in_channels, true}, {.add = add}, tdy.a.data, ys, tdx.a.data);
    return tdx.plain();
  }
};

// 2 x 2, stride 2; a last odd row or column is left out.
template <class T>
std::vector<T> pooled(std::vector<T> const& y, shape<4> s) {
  std::vector<T> out;
  for (int map = 0; map < s[0] * s[1]; ++map)
    for (int i = 0; i + 1 < s[2]; i += 2)
      for (int j = 0; j + 1 < s[3]; j += 2) {
        T const* const q = &y[(static_cast<std::size_t>(map) * s[2] + i) * s[3] + j];
        out.push_back(std::max({q[0], q[1], q[s[3]], q[s[3] + 1]}));
      }
  return out;
}
shape<4> halved(shape<4> s) { return {{s[0], s[1], s[2] / 2, s[3] / 2}}; }

}  // namespace

TEST_CASE("winograd: which layers it serves") {
  CHECK(winograd::serves(48, 16));
  CHECK(!winograd::serves(3, 64));
  CHECK(!winograd::serves(64, simd::lanes + 1));
  CHECK(winograd::tiles_along(1) == 1);
  CHECK(winograd::tiles_along(6) == 1);
  CHECK(winograd::tiles_along(7) == 2);
  CHECK(winograd::factors(64, 64) == std::size_t(64) * 64 * 64);
  CHECK(!winograd::goes_by_panels(256, 256));
  CHECK(winograd::goes_by_panels(256, 512));
  CHECK(winograd::has_few_tiles({{2, 16, 12, 13}}, 16 - 3));
  CHECK(!winograd::has_few_tiles({{2, 16, 12, 13}}, 16 - 4));
  CHECK(winograd::has_tiles_for_panels({{1, 256, 50, 68}}, 256));   // 9 x 12 tiles of the third stage of ResNet
  CHECK(winograd::has_tiles_for_panels({{8, 256, 50, 68}}, 256));   // however many images
  CHECK(!winograd::has_tiles_for_panels({{8, 256, 25, 34}}, 256));  // 5 x 6: made anew they would be a third of the work
  CHECK(!winograd::has_tiles_for_panels({{1, 256, 100, 136}}, 256));
}

TEST_CASE_TEMPLATE("winograd: forward and gradient by the input against direct convolution in double; the number of threads changes no bit",
                   Way, by_tiles, by_panels) {
  for (layer_case lc : sizes) {
    CAPTURE(to_string(lc.x));
    for (bool relu : {false, true}) {
      lc.spec.relu = relu;
      layer<Way> const l(lc);
      cpu::context one(1), two(2), three(3);
      auto const y = l.forward(one);
      CHECK(relative_l2(y, l.expected_y()) <= feature_tolerance);
      CHECK(same_bits(l.forward(two), y));
      CHECK(same_bits(l.forward(three), y));
    }
    lc.spec.relu = false;
    layer<Way> const l(lc);
    cpu::context one(1), two(2), three(3);
    auto const blank = nans<float>(l.x.size()), before = normals<float>(l.x.size(), 5), dx = l.backward_data(one, false, blank);
    CHECK(relative_l2(dx, l.expected().dx) <= feature_tolerance);
    CHECK(same_bits(l.backward_data(two, false, blank), dx));
    CHECK(same_bits(l.backward_data(three, false, blank), dx));
    CHECK(same_bits(l.backward_data(two, true, before), plus(before, dx)));
  }
}

TEST_CASE("winograd: both ways lead to the same bits") {
  for (layer_case const& lc : sizes) {
    CAPTURE(to_string(lc.x));
    cpu::context two(2), three(3);
    CHECK(same_bits(layer<by_tiles>(lc).forward(two), layer<by_panels>(lc).forward(three)));
  }
}

TEST_CASE_TEMPLATE("winograd: a convolution may have no bias", Way, by_tiles, by_panels) {
  layer<Way> l(of(1, 16, 16, 6, 7));
  std::fill(l.b.begin(), l.b.end(), 0.f);
  cpu::context c(2);
  CHECK(relative_l2(l.forward(c, {.relu = true}, l.ys, nans<float>(l.ys.size())), l.expected_y()) <= feature_tolerance);
}

TEST_CASE_TEMPLATE("winograd: pooled, it gives the bits of the whole map, pooled", Way, by_tiles, by_panels) {
  for (layer_case const& lc : sizes) {
    layer<Way> const l(lc);
    CAPTURE(to_string(lc.x));
    shape<4> const half = halved(l.ys);
    cpu::context one(1), two(2), three(3);
    auto const expected = pooled(l.forward(one), l.ys);
    for (auto* c : {&one, &two, &three})
      CHECK(same_bits(l.forward(*c, {.bias = l.b.data(), .relu = true, .pool = true}, half, nans<float>(half.size())), expected));
  }
}

TEST_CASE_TEMPLATE("winograd: NaN in, NaN out, ReLU or not, pooled or not; far away nothing of it", Way, by_tiles, by_panels) {
  layer<Way> l(of(1, 16, 16, 14, 14));
  l.x[5 * 14 + 6] = std::numeric_limits<float>::quiet_NaN();  // channel 0, row 5, column 6
  cpu::context c(2);
  for (bool relu : {false, true})
    for (bool pool : {false, true}) {
      shape<4> const out = pool ? halved(l.ys) : l.ys;
      auto const y = l.forward(c, {.bias = l.b.data(), .relu = relu, .pool = pool}, out, nans<float>(out.size()));
      int const side = out[2], step = pool ? 2 : 1;
      for (int o = 0; o < 16; ++o)
        for (int i = 0; i < side; ++i)
          for (int j = 0; j < side; ++j) {
            // A cell covers rows step * i ... step * (i + 1) - 1. Its tile reads a row more above and below than its windows do.
            bool const window = step * i <= 6 && step * (i + 1) > 4 && step * j <= 7 && step * (j + 1) > 5;
            constexpr int m = winograd::outputs;
            auto const touched = [](int k, int at) { return k * m - 1 <= at && at <= k * m + m; };  // tile k's windows read `at`
            bool const tile = touched(step * i / m, 5) && touched(step * j / m, 6);
            bool const found = std::isnan(y[std::size_t((o * side + i) * side + j)]);
            CHECK((found || !window));
            CHECK((!found || tile));
          }
    }
}

TEST_CASE_TEMPLATE("winograd: a map larger than a cache has the bits that threads and their parts agree on", Way, by_tiles, by_panels) {
  int const side = static_cast<int>(std::sqrt(simd::past_cache / sizeof(float) / 32)) * 2 + 5;
  layer<Way> const l(of(1, 16, 32, side, side));
  auto const half = halved(l.ys);
  CHECK(half.size() * sizeof(float) > simd::past_cache);
  cpu::context one(1), two(2);
  auto const y = l.forward(one);
  CHECK(relative_l2(y, l.expected_y()) <= feature_tolerance);
  CHECK(same_bits(l.forward(two), y));
  CHECK(same_bits(l.forward(two, {.bias = l.b.data(), .relu = true, .pool = true}, half, nans<float>(half.size())), pooled(y, l.ys)));
}

}  // namespace cpu_tests

#endif
