#include "../../../../../bench/yardstick.hpp"

#if FRCNN_HAS_ONEDNN

#include "../convolutions.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("yardstick: every pass computes what it is timed for, direct and Winograd") {
  using onednn::pass;
  for (bool relu : {false, true}) {
    conv2d_spec const spec{32, 48, 3, 1, 1, relu};
    shape<4> const xs{{2, 32, 21, 18}}, ys = spec.out_shape(xs);
    auto const x = normals<float>(xs.size(), 1), w = normals<float>(48 * 32 * 9, 2, 0.3), g = normals<float>(ys.size(), 4);
    auto const expected = naive(spec, xs, x, w, std::vector<float>(48, 0.f), g);
    cpu::context c(2);
    for (auto how : {onednn::algorithm::convolution_direct, onednn::algorithm::convolution_winograd})
      for (auto [direction, a, b, out] :
           {std::tuple{pass::forward, &x, &w, &expected.y}, std::tuple{pass::backward_data, &g, &w, &expected.dx},
            std::tuple{pass::backward_weight, &x, &g, &expected.dw}}) {
        pass const what = direction;  // which a lambda may capture: CAPTURE's
        if (relu && what != pass::forward) continue;
        CAPTURE(static_cast<int>(how));
        CAPTURE(static_cast<int>(what));
        onednn::yardstick y(c, spec, xs, what, how);
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
  CHECK(!onednn::yardstick(c, {32, 48, 3, 2, 1, false}, {{1, 32, 21, 18}}, onednn::pass::forward, winograd));
}

}  // namespace cpu_tests

#endif
