#include "frcnn/backend/cpu/fast/conv2d.hpp"

#if FRCNN_HAS_FAST

#include "../convolutions.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

// One for each pair of kernels: Winograd; direct and oneDNN.
layer_case const tiled = ops_described::conv2d::tiled(), plain = ops_described::conv2d::strided();

std::vector<float> forward(cpu::context& c, numbered const& l, kept_weights* keep = nullptr, std::uint64_t version = 0) {
  poison(c);
  tensor<float> x(c, l.xs, l.x), y(c, l.ys, nans<float>(l.ys.size()));
  fast::forward(c, l.spec, x.a, {l.stored.data(), keep, version}, l.b.data(), y.a);
  return y.plain();
}

// Whether something of this version is kept.
bool holds(kept_weights& kept, weight_layout layout, std::uint64_t version) {
  bool made = false;
  kept.get(layout, version, 16, [&](float*) { made = true; });
  return !made;
}

}  // namespace

TEST_CASE("fast: Winograd is for 3x3, stride 1, padding 1 and whole vectors of channels, where vectors are worth it") {
  CHECK(fast::is_winograd({64, 128, 3, 1, 1, true}) == simd::worthwhile);
  CHECK(fast::is_winograd({16, 16, 3, 1, 1, false}) == simd::worthwhile);
  for (conv2d_spec const& s : {conv2d_spec{3, 64, 3, 1, 1, true}, conv2d_spec{64, 37, 3, 1, 1, true}, conv2d_spec{64, 64, 3, 2, 1, true},
                               conv2d_spec{64, 64, 3, 1, 0, true}, conv2d_spec{64, 64, 1, 1, 0, true}, conv2d_spec{64, 64, 5, 1, 2, true}})
    CHECK(!fast::is_winograd(s));
}

TEST_CASE("fast: weights are converted once for each version, and only where they may be kept") {
  for (auto const& [lc, layout] : {std::pair{tiled, weight_layout::winograd}, std::pair{plain, weight_layout::panels}}) {
    numbered l(lc);
    cpu::context c(2), per_call({.threads = 2, .keep_transforms = false});
    auto const y = forward(c, l);
    CHECK(relative_l2(y, l.expected_y()) <= 1e-5);
    kept_weights kept, other;
    CHECK(same_bits(forward(c, l, &kept, 7), y));
    CHECK(same_bits(forward(per_call, l, &other, 7), y));
    for (float& v : l.stored) v = -v;
    CHECK(same_bits(forward(c, l, &kept, 7), y));  // the version says that nothing changed
    auto const changed = forward(c, l);
    CHECK(!same_bits(changed, y));
    CHECK(same_bits(forward(per_call, l, &other, 7), changed));
    CHECK(same_bits(forward(c, l, &kept, 8), changed));
    CHECK((simd::worthwhile ? holds(kept, layout, 8) : !has_onednn || kept.blocked.bytes() > 0));
    CHECK((!holds(other, layout, 7) && other.blocked.bytes() == 0));
  }
}

#if FRCNN_HAS_ONEDNN
TEST_CASE("fast: in bf16 a layer that may keep its weights is rounded, unless it is Winograd's or has few channels") {
  if (!onednn::has_bf16()) return;
  cpu::context exact(2), bf16({.threads = 2, .precision = compute::bf16});
  for (auto const& [lc, rounds] : {std::pair{tiled, !simd::worthwhile}, std::pair{plain, true}, std::pair{cases[1], false}}) {
    numbered const l(lc);
    kept_weights kept;
    auto const y = forward(exact, l);
    auto const found = forward(bf16, l, &kept, 1);
    CHECK(same_bits(found, y) == !rounds);
    CHECK(relative_l2(found, y) < 1e-2);
    CHECK(same_bits(forward(bf16, l, &kept, 1), found));
    CHECK(same_bits(forward(bf16, l), y));  // what learns is exact
  }
}
#endif

TEST_CASE("fast: a residual that y holds is added before the ReLU, whichever kernel convolves") {
  layer_case const narrow{{16, 5, 1, 1, 0, true}, {{2, 16, 7, 9}}};  // direct, outputs that end within a vector
  for (auto const& lc : {tiled, plain, narrow})
    for (bool relu : {false, true}) {
      CAPTURE(to_string(lc.x));
      numbered l(lc);
      l.spec.relu = false;
      auto const residual = normals<float>(l.ys.size(), 8);
      auto expected = l.expected_y();
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] += static_cast<double>(residual[i]);
        if (relu) expected[i] = std::max(0., expected[i]);
      }
      l.spec.relu = relu;
      cpu::context c(2);
      tensor<float> x(c, l.xs, l.x), y(c, l.ys, residual);
      poison(c);
      fast::forward(c, l.spec, x.a, {l.stored.data()}, l.b.data(), y.a, true);
      CHECK(relative_l2(y.plain(), expected) <= 1e-5);
    }
}

TEST_CASE("fast: gradients, each set or added for itself, or not wanted") {
  for (auto const& lc : {tiled, plain}) {
    numbered l(lc);
    l.spec.relu = false;  // dy comes masked
    auto const expected = l.expected();
    auto const w0 = channels_last(normals<float>(l.w.size(), 5), l.spec.out_channels, l.spec.in_channels, l.cells),
               x0 = normals<float>(l.x.size(), 6);
    cpu::context c(2);
    tensor<float> x(c, l.xs, l.x), dy(c, l.ys, l.g), dx(c, l.xs, nans<float>(l.x.size()));
    auto dw = nans<float>(l.w.size());
    auto const logical = [&] { return channels_last(dw, l.spec.out_channels, l.spec.in_channels, l.cells, true); };
    poison(c);
    fast::backward(c, l.spec, x.a, dy.a, l.stored.data(), dw.data(), writing::set, dx.a, writing::set);
    auto const dw_set = dw, dx_set = dx.plain();
    CHECK(relative_l2(logical(), expected.dw) <= 1e-5);
    CHECK(relative_l2(dx_set, expected.dx) <= 1e-5);

    dw = w0;
    tensor<float> dx_added(c, l.xs, x0);
    poison(c);
    fast::backward(c, l.spec, x.a, dy.a, l.stored.data(), dw.data(), writing::add, dx_added.a, writing::set);
    CHECK(near(dw, plus(w0, dw_set), tolerance<float>));
    CHECK(same_bits(dx_added.plain(), dx_set));
    dx_added = tensor<float>(c, l.xs, x0);
    fast::backward(c, l.spec, x.a, dy.a, l.stored.data(), nullptr, writing::set, dx_added.a, writing::add);
    CHECK(near(dx_added.plain(), plus(x0, dx_set), tolerance<float>));
    fast::backward(c, l.spec, x.a, dy.a, l.stored.data(), dw.data(), writing::set, {}, writing::set);
    CHECK(same_bits(dw, dw_set));
    CHECK(same_bits(dy.plain(), l.g));
  }
}

TEST_CASE("fast: after the first run no more arena") {
  for (auto const& lc : {tiled, plain}) {
    numbered const l(lc);
    cpu::context c(2);
    tensor<float> x(c, l.xs, l.x), dy(c, l.ys, l.g), dx(c, l.xs, nans<float>(l.x.size()));
    auto dw = nans<float>(l.w.size());
    auto const run = [&] {
      forward(c, l);
      fast::backward(c, l.spec, x.a, dy.a, l.stored.data(), dw.data(), writing::set, dx.a, writing::add);
    };
    run();
    auto const water = c.high_water();
    run();
    CHECK(c.high_water() == water);
  }
}

}  // namespace cpu_tests

#endif
