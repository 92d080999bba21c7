#include "frcnn/backend/cpu/onednn/conv2d.hpp"

#if FRCNN_HAS_ONEDNN

#include "frcnn/backend/cpu/conv2d.hpp"

#include "../convolutions.hpp"
#include "bfloat16.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <thread>

namespace cpu_tests {

namespace {

using shapes = ops_described::conv2d;

struct layer {
  conv2d_spec spec;
  shape<4> xs, ys;
  std::vector<float> x, w, b, g, stored;
  explicit layer(layer_case const& lc)
      : spec(lc.spec),
        xs(lc.x),
        ys(spec.out_shape(xs)),
        x(normals<float>(xs.size(), 1)),
        w(normals<float>(static_cast<std::size_t>(spec.out_channels) * spec.in_channels * cells(), 2, 0.3)),
        b(normals<float>(spec.out_channels, 3, 0.2)),
        g(normals<float>(ys.size(), 4)),
        stored(channels_last(w, spec.out_channels, spec.in_channels, cells())) {}

  int cells() const { return spec.kernel * spec.kernel; }
  reference expected(std::vector<float> const& bias) const { return naive(spec, xs, x, w, bias, g); }

  // Empty: oneDNN has no kernel that may run.
  std::vector<float> forward(cpu::context& c, onednn::packed* keep = nullptr, std::uint64_t version = 0,
                             compute precision = compute::exact) const {
    poison(c);
    tensor<float> tx(c, xs, x), ty(c, ys, nans<float>(ys.size()));
    if (!onednn::forward(c, spec, tx.a, {stored.data(), keep, version}, b.data(), ty.a, {.precision = precision})) return {};
    return ty.plain();
  }
  // Empty: oneDNN has no kernel that may run, and nothing was written.
  std::vector<float> backward_data(cpu::context& c, std::vector<float> const& before, writing how) const {
    poison(c);
    tensor<float> tdy(c, ys, g), tdx(c, xs, before);
    if (onednn::backward_data(c, spec, tdy.a, stored.data(), tdx.a, how)) return tdx.plain();
    CHECK(same_bits(tdx.plain(), before));
    return {};
  }
  std::vector<float> backward_weight(cpu::context& c, std::vector<float> const& before, writing how) const {
    poison(c);
    tensor<float> tx(c, xs, x), tdy(c, ys, g);
    auto dw = channels_last(before, spec.out_channels, spec.in_channels, cells());
    auto const untouched = dw;
    if (onednn::backward_weight(c, spec, tx.a, tdy.a, dw.data(), how))
      return channels_last(dw, spec.out_channels, spec.in_channels, cells(), true);
    CHECK(same_bits(dw, untouched));
    return {};
  }
};

// The rule of library.hpp passes over products and plain loops; with AVX-512 the shapes of layers have kernels all the same, but where a
// part of the rows lies in the padding alone. Without it not all of them have.
bool is_layer([[maybe_unused]] conv2d_spec const& spec) {
#if defined(__AVX512F__)
  return spec.in_channels >= 16 && spec.out_channels >= 16 && spec.kernel <= 7 && spec.pad < spec.kernel;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("onednn: forward and gradients against the definition; set reads nothing, add adds") {
  for (layer_case lc : cases) {
    CAPTURE(to_string(lc.x));
    CAPTURE(lc.spec.out_channels);
    CAPTURE(lc.spec.kernel);
    CAPTURE(lc.spec.stride);
    cpu::context c(2);
    for (bool relu : {false, true}) {
      lc.spec.relu = relu;
      layer const l(lc);
      auto const y = l.forward(c);
      CHECK((!is_layer(lc.spec) || !y.empty()));
      if (!y.empty()) CHECK(near(y, l.expected(l.b).y, tolerance<float>));
    }
    lc.spec.relu = false;  // dy comes masked
    layer const l(lc);
    auto const r = l.expected(l.b);
    auto const dx = l.backward_data(c, nans<float>(l.x.size()), writing::set),
               dw = l.backward_weight(c, nans<float>(l.w.size()), writing::set);
    auto const x0 = normals<float>(l.x.size(), 5), w0 = normals<float>(l.w.size(), 6);
    CHECK((!is_layer(lc.spec) || (!dx.empty() && !dw.empty())));
    if (!dx.empty()) {
      CHECK(near(dx, r.dx, tolerance<float>));
      CHECK(near(l.backward_data(c, x0, writing::add), plus(x0, dx), tolerance<float>));
    }
    if (!dw.empty()) {
      CHECK(near(dw, r.dw, tolerance<float>));
      CHECK(near(l.backward_weight(c, w0, writing::add), plus(w0, dw), tolerance<float>));
    }
  }
}

TEST_CASE("onednn: the portable engine, side by side") {
  layer const l(shapes::strided_parts());
  cpu::context c(2), plain({.threads = 2, .engine = cpu_engine::portable});
  tensor<float> x(plain, l.xs, l.x), y(plain, l.ys, nans<float>(l.ys.size()));
  auto const view_of = [](std::vector<float> const& v) {
    return view<float const, 1, cpu>{v.data(), {{static_cast<std::int32_t>(v.size())}}};
  };
  ops::conv2d<cpu>::forward<float>(plain, l.spec, x.a, view_of(l.stored), view_of(l.b), y.a);
  CHECK(near(l.forward(c), y.plain(), tolerance<float>));
}

TEST_CASE("onednn: what y holds is added before the ReLU; a convolution may have no bias") {
  for (auto const& lc : {shapes::pointwise(), shapes::strided_odd()}) {
    cpu::context c(2);
    layer l(lc);
    l.spec.relu = false;
    auto const residual = normals<float>(l.ys.size(), 8);
    auto expected = l.expected(std::vector<float>(l.b.size(), 0.f)).y;
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = std::max(0.0, expected[i] + static_cast<double>(residual[i]));
    l.spec.relu = true;
    tensor<float> x(c, l.xs, l.x), y(c, l.ys, residual);
    CHECK(onednn::forward(c, l.spec, x.a, {l.stored.data()}, nullptr, y.a, {.add = true}));
    CHECK(near(y.plain(), expected, tolerance<float>));
  }
}

TEST_CASE("onednn: equal runs give equal bits, in one context and in another") {
  for (auto const& lc : cases) {
    layer const l(lc);
    cpu::context a(2), b(2);
    auto const nan_x = nans<float>(l.x.size()), nan_w = nans<float>(l.w.size());
    CHECK(same_bits(l.forward(a), l.forward(a)));
    CHECK(same_bits(l.forward(a), l.forward(b)));
    CHECK(same_bits(l.backward_data(a, nan_x, writing::set), l.backward_data(b, nan_x, writing::set)));
    CHECK(same_bits(l.backward_weight(a, nan_w, writing::set), l.backward_weight(b, nan_w, writing::set)));
  }
}

TEST_CASE("onednn: NaN in, NaN out, ReLU or not; with ReLU nothing is below zero") {
  for (auto lc : shapes::strides())
    for (bool relu : {false, true}) {
      lc.spec.relu = relu;
      layer l(lc);
      cpu::context c(2);
      auto y = l.forward(c);
      CHECK(std::any_of(y.begin(), y.end(), [](float v) { return v < 0; }) != relu);
      l.x[0] = std::numeric_limits<float>::quiet_NaN();
      y = l.forward(c);
      CHECK(std::isnan(y[0]));
      CHECK(!std::isnan(y.back()));
    }
}

TEST_CASE("onednn: denormals are zero in every thread, and as before afterwards") {
  layer l(shapes::strided_parts());
  std::fill(l.x.begin(), l.x.end(), 1e-20f);
  std::fill(l.stored.begin(), l.stored.end(), 1e-22f);
  std::fill(l.b.begin(), l.b.end(), 0.f);
  cpu::context c(2);
  auto const y = l.forward(c);
  float volatile tiny = std::numeric_limits<float>::min();
#if defined(__SSE2__)
  CHECK(std::all_of(y.begin(), y.end(), [](float v) { return v == 0; }));
#endif
  CHECK(tiny / 2 > 0);
#if defined(_OPENMP)
  int lost = 0;
#pragma omp parallel num_threads(2) reduction(+ : lost)
  lost += !(tiny / 2 > 0);
  CHECK(lost == 0);
#endif
}

#if defined(_OPENMP)
TEST_CASE("onednn: the calling thread's number of threads is as before") {
  int const before = omp_get_max_threads();
  layer const l(cases[1]);
  cpu::context one(1), three(3);
  CHECK(near(l.forward(one), l.forward(three), tolerance<float>));
  CHECK(omp_get_max_threads() == before);
}
#endif

TEST_CASE("onednn: plans are kept, at most `capacity` of them, and made again when they are gone") {
  cpu::context c(1);
  layer const first(shapes::row_of(1));
  auto const y = first.forward(c);
  first.forward(c);
  auto& own = c.state<onednn::state>();
  CHECK(own.size() == 1);
  int const many = static_cast<int>(onednn::state::capacity) + 20;
  for (int width = 2; width < many; ++width) layer(shapes::row_of(width)).forward(c);
  CHECK(own.size() == onednn::state::capacity);
  CHECK(same_bits(first.forward(c), y));
  CHECK(own.size() == onednn::state::capacity);
}

TEST_CASE("onednn: kept weights are packed once for each version") {
  layer l(shapes::strided_parts());
  cpu::context c(2);
  onednn::packed kept;
  auto const y = l.forward(c);
  CHECK(same_bits(l.forward(c, &kept, 7), y));
  CHECK(kept.bytes() >= l.w.size() * sizeof(float));
  std::size_t const bytes = kept.bytes();
  for (float& v : l.stored) v = -v;
  CHECK(same_bits(l.forward(c, &kept, 7), y));  // the version says that nothing changed
  auto const other = l.forward(c);
  CHECK(!same_bits(other, y));
  CHECK(same_bits(l.forward(c, &kept, 8), other));
  CHECK(kept.bytes() == bytes);
  onednn::packed const copy(kept);
  CHECK(copy.bytes() == 0);
}

TEST_CASE("onednn: one model's weights serve several threads") {
  layer const l(shapes::strided_parts());
  cpu::context c(2);
  auto const y = l.forward(c);
  onednn::packed kept;
  std::vector<std::vector<float>> found(4);
  std::vector<std::thread> threads;
  for (auto& f : found)
    threads.emplace_back([&] {
      cpu::context own(2);
      for (int i = 0; i < 5; ++i) f = l.forward(own, &kept, 1);
    });
  for (auto& t : threads) t.join();
  for (auto const& f : found) CHECK(same_bits(f, y));
}

TEST_CASE("onednn: bf16 rounds the factors and sums in float") {
  for (auto const& lc : {shapes::pointwise(), shapes::strided_odd(), shapes::whole_vectors()}) {
    layer const l(lc);
    cpu::context c(2);
    if (!onednn::has_bf16()) {
      CHECK_THROWS_AS(l.forward(c, nullptr, 0, compute::bf16), error);
      continue;
    }
    auto const expected = naive(l.spec, l.xs, rounded(l.x), rounded(l.w), l.b, l.g);
    auto const y = l.forward(c, nullptr, 0, compute::bf16);
    CHECK(near(y, expected.y, tolerance<float>));
    CHECK(!near(y, l.expected(l.b).y, 1e-4));
    onednn::packed kept;
    CHECK(same_bits(l.forward(c, &kept, 1, compute::bf16), y));
    CHECK(near(l.forward(c, &kept, 1), l.expected(l.b).y, tolerance<float>));  // both layouts live beside each other
    CHECK(same_bits(l.forward(c, &kept, 1, compute::bf16), y));
  }
}

TEST_CASE("onednn: after the first run no more arena") {
  layer const l(shapes::strided_parts());
  cpu::context c(2);
  auto const run = [&] {
    l.forward(c);
    l.backward_data(c, nans<float>(l.x.size()), writing::add);
    l.backward_weight(c, nans<float>(l.w.size()), writing::add);
  };
  run();
  auto const water = c.high_water();
  run();
  CHECK(c.high_water() == water);
}

}  // namespace cpu_tests

#endif
