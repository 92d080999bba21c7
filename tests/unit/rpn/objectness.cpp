#include "frcnn/rpn/objectness.hpp"

#include "../batches.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

TEST_CASE("one logit an anchor, or two with all background channels first") {
  static_assert(rpn::logits_per_anchor<torchvision>() == 1 && rpn::logits_per_anchor<caffe>() == 2);
  // N = 2 images, M = 2 cells, A = 3 anchors; value: 100 n + 10 cell + channel
  array<double, 3> one(of(2, 2, 3)), two(of(2, 2, 6));
  for (int n = 0; n < 2; ++n)
    for (int cell = 0; cell < 2; ++cell)
      for (int ch = 0; ch < 6; ++ch) {
        if (ch < 3) one(n, cell, ch) = 100 * n + 10 * cell + ch;
        two(n, cell, ch) = (100 * n + 10 * cell + ch) * (ch < 3 ? 1 : 2);
      }
  CHECK(rpn::objectness_logit<torchvision>(one.in(), 3, 1, 4) == 111);  // cell 1, anchor 1
  CHECK(rpn::objectness_logit<caffe>(two.in(), 3, 1, 4) == 2 * 114 - 111);

  array<double, 3> done(of(1, 2, 3)), dtwo(of(1, 2, 6));
  rpn::set_objectness_gradient<torchvision>(done.out(), 3, 0, 5, 2.);
  rpn::set_objectness_gradient<caffe>(dtwo.out(), 3, 0, 5, 2.);
  CHECK(done.values == std::vector<double>{0, 0, 0, 0, 0, 2});
  CHECK(dtwo.values == std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, -2, 0, 0, 2});
}

TEST_CASE_TEMPLATE("the log loss and its derivative, at any size of the logit", T, float, double) {
  CHECK(rpn::log_loss(T(0), true) == doctest::Approx(std::log(2.)));
  CHECK(rpn::log_loss(T(2), true) == doctest::Approx(0.12692801104297263));  // log(1 + exp(-2))
  CHECK(rpn::log_loss(T(2), false) == doctest::Approx(2.1269280110429727));
  CHECK(rpn::log_loss(T(1e4), true) == 0);
  CHECK(rpn::log_loss(T(-1e4), true) == T(1e4));
  CHECK(rpn::log_loss(T(1e4), false) == T(1e4));
  CHECK(rpn::log_loss_gradient(T(1e4), false) == 1);
  CHECK(rpn::log_loss_gradient(T(-1e4), false) == 0);
  CHECK(rpn::log_loss_gradient(T(-1e4), true) == -1);
  CHECK(rpn::log_loss(T(-20), false) == doctest::Approx(std::exp(-20.)).epsilon(1e-6));  // no cancellation
  for (bool const object : {false, true})
    for (double z = -6; z <= 6; z += .75) {
      double const slope = (rpn::log_loss(z + 1e-5, object) - rpn::log_loss(z - 1e-5, object)) / 2e-5;
      CHECK(static_cast<double>(rpn::log_loss_gradient(T(z), object)) == doctest::Approx(slope).epsilon(1e-6));
    }
  CHECK(std::isnan(rpn::log_loss_gradient(std::numeric_limits<T>::quiet_NaN(), true)));
}
