#include "../../../../../bench/yardstick.hpp"

#if FRCNN_HAS_ONEDNN

#include "../convolutions.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("yardstick: every pass computes what it is timed for, direct and Winograd") {
  using onednn::pass;
  for (bool relu : {false, true}) {
    auto lc = ops_described::conv2d::tiled();
    lc.spec.relu = relu;
    numbered const l(lc);
    auto const expected = naive(l.spec, l.xs, l.x, l.w, std::vector<float>(l.b.size(), 0.f), l.g);
    cpu::context c(2);
    for (auto how : {onednn::algorithm::convolution_direct, onednn::algorithm::convolution_winograd})
      for (auto [direction, a, b, out] :
           {std::tuple{pass::forward, &l.x, &l.w, &expected.y}, std::tuple{pass::backward_data, &l.g, &l.w, &expected.dx},
            std::tuple{pass::backward_weight, &l.x, &l.g, &expected.dw}}) {
        pass const what = direction;  // which a lambda may capture: CAPTURE's
        if (relu && what != pass::forward) continue;
        CAPTURE(static_cast<int>(how));
        CAPTURE(static_cast<int>(what));
        onednn::yardstick y(c, l.spec, l.xs, what, how);
        bool const is_avx512 = onednn::has_bf16();
        if (how == onednn::algorithm::convolution_winograd && !(onednn::has_winograd() && is_avx512)) {
          CHECK(!y);
          continue;
        }
        REQUIRE(y);
        y.load(0, a->data());
        y.load(1, b->data());
        y.run();
        std::vector<float> found(out->size());
        y.result(found.data());
        CHECK(near(found, *out, 1e-4));
      }
  }
}

TEST_CASE("yardstick: Winograd has no stride") {
  cpu::context c(1);
  auto const winograd = onednn::algorithm::convolution_winograd;
  auto const strided = ops_described::conv2d::strided();
  CHECK(!onednn::yardstick(c, strided.spec, strided.x, onednn::pass::forward, winograd));
}

}  // namespace cpu_tests

#endif
