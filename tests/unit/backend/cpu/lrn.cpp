// What tests/ops/lrn.hpp does not drive: numbers by hand, NaN, the sentence.
#include "frcnn/backend/cpu/lrn.hpp"

#include "../../sentence.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

TEST_CASE("lrn: numbers worked out by hand") {
  // 3 channels of a pixel, 1 2 3: sums of squares 5, 14, 13; s = 1 + 0.3 / 3 * sum
  cpu::context c(1);
  shape<4> const s{{1, 3, 1, 1}};
  tensor<double> x(c, s, {1, 2, 3}), y(c, s, {0, 0, 0});
  ops::lrn<cpu>::forward<double>(c, {3, .3, .75, 1}, x.a, y.a);
  CHECK(near(y.plain(), std::vector<double>{0.7377879464668811, 1.0372216288141307, 1.6062952596312887}, 1e-12));
}

TEST_CASE("lrn: a NaN reaches its neighbours and no others; what is none is refused") {
  cpu::context c(2);
  shape<4> const s{{1, 7, 2, 1}};
  auto x = normals<float>(s.size(), 1);
  x[2 * 2] = std::numeric_limits<float>::quiet_NaN();  // channel 2 of the first pixel
  tensor<float> tx(c, s, x), ty(c, s, nans<float>(s.size()));
  ops::lrn<cpu>::forward<float>(c, {3, .6, .75, 2}, tx.a, ty.a);
  auto const y = ty.plain();
  for (int ch = 0; ch < 7; ++ch)
    for (int pixel = 0; pixel < 2; ++pixel) CHECK(std::isnan(y[std::size_t(ch) * 2 + pixel]) == (pixel == 0 && std::abs(ch - 2) <= 1));
  CHECK(sentence([&] { ops::lrn<cpu>::forward<float>(c, {4}, tx.a, ty.a); }).starts_with("local response normalisation: expected an odd"));
}

}  // namespace cpu_tests
