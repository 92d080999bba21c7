#include "frcnn/rpn/loss.hpp"

#include "../batches.hpp"
#include "frcnn/testing/gradcheck.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

// One call of anchor_losses. Gradients start as NaN: they are set everywhere.
template <class Rules, class T, class Anchors, class Coder>
struct losses {
  array<T, 1> loss;
  array<double, 1> sampled{of(1), -1.};
  array<T, 3> dlogits, ddeltas;

  losses(rpn::placed_anchors<Anchors> const& anchors, Coder const& coder, scene<T> const& s, array<std::int32_t, 2> const& label,
         array<std::int32_t, 2> const& match, array<T, 3> const& logits, array<T, 3> const& deltas, rpn::loss_options o = {})
      : loss(of(2), T(100)), dlogits(nans<T>(logits.dims)), ddeltas(nans<T>(deltas.dims)) {
    cpu::context c(2);
    rpn::anchor_losses<Rules>(c, anchors, coder, s.gt(), label.in(), match.in(), logits.in(), deltas.in(), o, dlogits.out(), ddeltas.out(),
                              loss.out(), sampled.out());
    loss(0) -= T(100);  // losses are added to what is there
    loss(1) -= T(100);
  }
};

// Two images, three anchors of 16 x 16 in one cell each row of the list; positives at 0 and 4, negatives at 1, 2, 5.
template <class Rules, class T>
struct example {
  std::vector<box<double>> boxes{{0, 0, 16, 16}, {16, 0, 32, 16}, {32, 0, 48, 16}};
  rpn::placed_anchors<listed_anchors<1>> anchors = place(boxes);
  scene<T> s{objects<T>{{{{0, 0, 16, 16}}, {{2, 0, 18, 16}}}, {{{20, 4, 36, 20}}}}};
  array<std::int32_t, 2> label{of(2, 3), std::vector<std::int32_t>{1, 0, 0, -1, 1, 0}},
      match{of(2, 3), std::vector<std::int32_t>{1, 0, 0, 0, 0, 0}};
  array<T, 3> logits{of(2, 3, rpn::logits_per_anchor<Rules>())}, deltas{of(2, 3, 4)};
  box_coder coder = Rules::rpn_coder();

  example() {
    host_rng r(3, draw::test);
    for (auto& v : logits.values) v = T(r.normal());
    for (auto& v : deltas.values) v = T(.3 * r.normal());
  }
  auto run(rpn::loss_options o = {}) const {
    return losses<Rules, T, listed_anchors<1>, box_coder>(anchors, coder, s, label, match, logits, deltas, o);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("losses and gradients are torchvision's", T, float, double) {
  auto const& file = golden();
  std::vector<box<double>> const boxes(60);
  array<std::int32_t, 2> const label(of(2, 60), file.read<std::int32_t>("rpn_loss.labels"));
  array<std::int32_t, 2> match(of(2, 60));
  auto const targets = golden_boxes<T>("rpn_loss.targets");
  objects<T> lists(2);
  for (int i = 0; i < 120; ++i) {
    lists[std::size_t(i / 60)].push_back({targets[std::size_t(i)]});
    match.values[std::size_t(i)] = i % 60;
  }
  losses<torchvision, T, listed_anchors<1>, literal_coder> const ours(place(boxes), {}, scene<T>(lists), label, match,
                                                                      {of(2, 60, 1), file.read<T>("rpn_loss.logits")},
                                                                      {of(2, 60, 4), file.read<T>("rpn_loss.deltas")});
  double const loose = std::is_same_v<T, float> ? 1e-4 : 1e-9;  // 100 was subtracted
  CHECK(near<T>({ours.loss(0)}, file.read<double>("rpn_loss.objectness"), loose));
  CHECK(near<T>({ours.loss(1)}, file.read<double>("rpn_loss.box"), loose));
  CHECK(near(ours.dlogits.values, file.read<double>("rpn_loss.dlogits"), tolerance<T>));
  CHECK(near(ours.ddeltas.values, file.read<double>("rpn_loss.ddeltas"), tolerance<T>));
}

TEST_CASE("numbers by hand: both terms are divided by the sampled anchors of the whole batch") {
  example<torchvision, double> e;
  e.logits.values = {0, 2, -2, 99, 0, 0};
  e.deltas.values.assign(24, 0);
  e.deltas(0, 0, 0) = 1. / 8 + 1. / 18;  // target dx: 2 / 16; half of beta beyond it
  e.deltas(1, 1, 0) = .25;               // target dx 4/16, dy 4/16: dy is 1/4 away
  auto const r = e.run();
  double const log2 = std::log(2.);
  CHECK(r.loss(0) == doctest::Approx((3 * log2 + std::log1p(std::exp(2.)) + std::log1p(std::exp(-2.))) / 5));
  CHECK(r.loss(1) == doctest::Approx((.5 * 9 / 324 + (.25 - 1. / 18)) / 5));
  CHECK(near(r.dlogits.values, std::vector<double>{-.5 / 5, 0.8807970779778823 / 5, 0.11920292202211755 / 5, 0, -.5 / 5, .5 / 5}, 1e-12));
  std::vector<double> ddeltas(24, 0.);
  ddeltas[0] = .5 / 5;
  ddeltas[(3 + 1) * 4 + 1] = -1. / 5;
  CHECK(near(r.ddeltas.values, ddeltas, 1e-12));
}

TEST_CASE("N_cls, N_reg and lambda scale the terms as the paper's equation says") {
  example<caffe, double> const e;
  auto const usual = e.run(), paper = e.run({10, 256, 2400});
  CHECK(usual.sampled(0) == 5);
  CHECK(paper.sampled(0) == 5);
  CHECK(paper.loss(0) == doctest::Approx(usual.loss(0) * 5 / 256));
  CHECK(paper.loss(1) == doctest::Approx(usual.loss(1) * 5 * 10 / 2400));
  for (std::size_t i = 0; i < usual.dlogits.values.size(); ++i)
    CHECK(paper.dlogits.values[i] == doctest::Approx(usual.dlogits.values[i] * 5 / 256));
  for (std::size_t i = 0; i < usual.ddeltas.values.size(); ++i)
    CHECK(paper.ddeltas.values[i] == doctest::Approx(usual.ddeltas.values[i] * 5 * 10 / 2400));
}

TEST_CASE_TEMPLATE("softmax over two channels is the sigmoid of their difference", T, float, double) {
  example<torchvision, T> one;
  example<caffe, T> two;
  two.coder = one.coder;
  two.deltas = array<T, 3>(one.deltas);
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 3; ++i) one.logits(n, i, 0) = two.logits(n, i, 1) - two.logits(n, i, 0);
  auto const a = one.run();
  auto const b = two.run();
  CHECK(a.loss.values == b.loss.values);
  CHECK(a.ddeltas.values == b.ddeltas.values);
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 3; ++i) {
      CHECK(b.dlogits(n, i, 1) == a.dlogits(n, i, 0));
      CHECK(b.dlogits(n, i, 0) == -a.dlogits(n, i, 0));
    }
}

TEST_CASE_TEMPLATE("gradients are derivatives", Rules, torchvision, caffe) {
  for (rpn::loss_options const o : {rpn::loss_options{}, rpn::loss_options{10, 256, 2400}}) {
    example<Rules, double> e;
    auto const r = e.run(o);
    auto const sum = [&] {
      auto const again = e.run(o);
      return again.loss(0) + again.loss(1);
    };
    auto const by_logits = testing::gradcheck(sum, std::span(e.logits.values), r.dlogits.values);
    CHECK_MESSAGE(by_logits.ok, by_logits.describe());
    auto const by_deltas = testing::gradcheck(sum, std::span(e.deltas.values), r.ddeltas.values);
    CHECK_MESSAGE(by_deltas.ok, by_deltas.describe());
  }
}

TEST_CASE("without a sampled anchor both losses and all gradients are zero") {
  example<torchvision, float> e;
  std::fill(e.label.values.begin(), e.label.values.end(), -1);
  auto const r = e.run();
  CHECK(r.loss.values == std::vector<float>{0, 0});
  CHECK(r.dlogits.values == std::vector<float>(6, 0.f));
  CHECK(r.ddeltas.values == std::vector<float>(24, 0.f));
}
