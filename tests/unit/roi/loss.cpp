#include "frcnn/roi/loss.hpp"

#include "../batches.hpp"
#include "frcnn/testing/gradcheck.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

// Sampled RoIs: labels [N, Q] (-1 dead) and encoded targets.
template <class T>
struct sampled {
  array<std::int32_t, 2> label;
  array<delta<T>, 2> target;
  rows_of<box<T>> rois;

  explicit sampled(array<std::int32_t, 2> l) : label(std::move(l)), target(label.dims), rois(label.dims[0], label.dims[1]) {}
  roi::targets<T, cpu> get() { return {rois.out(), label.out(), target.out()}; }
};

// One call of roi_losses. Gradients start as NaN: they are set everywhere.
template <class Rules, class T>
struct losses {
  array<T, 1> loss;
  array<T, 2> dlogits, ddeltas;

  losses(sampled<T>& s, array<T, 2> const& logits, array<T, 2> const& deltas)
      : loss(of(2), T(100)), dlogits(nans<T>(logits.dims)), ddeltas(nans<T>(deltas.dims)) {
    cpu::context c(2);
    roi::roi_losses<Rules>(c, s.get(), logits.in(), deltas.in(), dlogits.out(), ddeltas.out(), loss.out());
    loss(0) -= T(100);  // losses are added to what is there
    loss(1) -= T(100);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("losses and gradients are torchvision's, with dead rows between", T, float, double) {
  auto const& file = golden();
  // their 30 rows as images of 12 and 18 in a capacity of 20
  constexpr int q = 20, classes = 4;
  auto const row = [](int i) { return i < 12 ? i : q + i - 12; };
  sampled<T> s(array<std::int32_t, 2>(of(2, q), -1));
  auto const labels = file.read<std::int32_t>("roi_loss.labels");
  auto const targets = golden_boxes<T>("roi_loss.targets");
  for (int i = 0; i < 30; ++i) {
    auto const& t = targets[std::size_t(i)];
    s.label.values[std::size_t(row(i))] = labels[std::size_t(i)];
    s.target.values[std::size_t(row(i))] = {t.x1, t.y1, t.x2, t.y2};
  }
  auto const spread = [&](auto const& v, int width) {
    array<T, 2> a(of(2 * q, width));
    for (int i = 0; i < 30; ++i)
      for (int k = 0; k < width; ++k) a(row(i), k) = static_cast<T>(v[std::size_t(i * width + k)]);
    return a;
  };
  auto logits = spread(file.read<T>("roi_loss.logits"), classes), deltas = spread(file.read<T>("roi_loss.deltas"), 4 * classes);
  for (int k = 0; k < classes; ++k) logits(15, k) = std::numeric_limits<T>::quiet_NaN();  // a dead row weighs nothing
  losses<torchvision, T> const ours(s, logits, deltas);
  double const loose = std::is_same_v<T, float> ? 1e-4 : 1e-9;  // 100 was subtracted
  CHECK(near<T>({ours.loss(0)}, file.read<double>("roi_loss.classifier"), loose));
  CHECK(near<T>({ours.loss(1)}, file.read<double>("roi_loss.box"), loose));
  CHECK(near(ours.dlogits.values, spread(file.read<double>("roi_loss.dlogits"), classes).values, tolerance<T>));
  CHECK(near(ours.ddeltas.values, spread(file.read<double>("roi_loss.ddeltas"), 4 * classes).values, tolerance<T>));
}

TEST_CASE("numbers by hand: the quadratic part of the box term ends at 1 under caffe, at 1/9 under torchvision") {
  sampled<double> s({of(1, 3), std::vector<std::int32_t>{1, 0, -1}});
  s.target(0, 0) = {.5, 2, 0, 0};
  array<double, 2> const logits(of(3, 2)), deltas(of(3, 8));  // probabilities 1/2, deltas 0
  losses<caffe, double> const wide(s, logits, deltas);
  losses<torchvision, double> const narrow(s, logits, deltas);
  CHECK(wide.loss(0) == doctest::Approx(std::log(2.)));
  CHECK(wide.loss(1) == doctest::Approx((.125 + 1.5) / 2));
  CHECK(narrow.loss(1) == doctest::Approx((2.5 - 2. / 18) / 2));
  CHECK(near(wide.dlogits.values, std::vector<double>{.25, -.25, -.25, .25, 0, 0}, 1e-12));
  std::vector<double> ddeltas(24, 0.);
  ddeltas[4] = -.25;
  ddeltas[5] = -.5;
  CHECK(near(wide.ddeltas.values, ddeltas, 1e-12));
}

TEST_CASE("logits of any size") {
  sampled<float> s({of(1, 2), std::vector<std::int32_t>{0, 1}});
  array<float, 2> const logits(of(2, 2), std::vector<float>{1e4f, -1e4f, 3e4f, 0}), deltas(of(2, 8));
  losses<torchvision, float> const r(s, logits, deltas);
  CHECK(r.loss(0) == doctest::Approx(1.5e4));
  CHECK(r.dlogits.values == std::vector<float>{0, 0, .5f, -.5f});
}

TEST_CASE_TEMPLATE("gradients are derivatives", Rules, torchvision, caffe) {
  host_rng r(2, draw::test);
  sampled<double> s({of(2, 4), std::vector<std::int32_t>{3, 0, 1, -1, 2, 2, 0, 0}});
  for (auto& t : s.target.values) t = {r.normal(), r.normal(), r.normal(), r.normal()};
  array<double, 2> logits(of(8, 4)), deltas(of(8, 16));
  for (auto& v : logits.values) v = 2 * r.normal();
  for (auto& v : deltas.values) v = r.normal();
  losses<Rules, double> const given(s, logits, deltas);
  auto const sum = [&] {
    losses<Rules, double> const again(s, logits, deltas);
    return again.loss(0) + again.loss(1);
  };
  auto const by_logits = testing::gradcheck(sum, std::span(logits.values), given.dlogits.values);
  CHECK_MESSAGE(by_logits.ok, by_logits.describe());
  auto const by_deltas = testing::gradcheck(sum, std::span(deltas.values), given.ddeltas.values);
  CHECK_MESSAGE(by_deltas.ok, by_deltas.describe());
}

TEST_CASE("without a sampled RoI losses and gradients are zero") {
  sampled<float> s(array<std::int32_t, 2>(of(1, 3), -1));
  losses<torchvision, float> const r(s, array<float, 2>(of(3, 2), 5.f), array<float, 2>(of(3, 8), 5.f));
  CHECK(r.loss.values == std::vector<float>{0, 0});
  CHECK(r.dlogits.values == std::vector<float>(6, 0.f));
  CHECK(r.ddeltas.values == std::vector<float>(24, 0.f));
}

TEST_CASE("class weights: PyTorch's weighted mean, and its gradient") {
  constexpr int q = 3, classes = 3;
  sampled<double> s(array<std::int32_t, 2>(of(2, q), -1));
  s.label.values = {1, 0, -1, 2, 2, 0};
  array<double, 2> logits(of(2 * q, classes)), deltas(of(2 * q, 4 * classes));
  for (std::size_t i = 0; i < logits.values.size(); ++i) logits.values[i] = std::sin(1.0 + double(i));
  std::vector<double> const weight{.5, 3, 0};
  auto const run = [&](array<double, 1>& loss, array<double, 2>& dlogits) {
    array<double, 2> ddeltas(deltas.dims);
    cpu::context c(2);
    roi::roi_losses<torchvision>(c, s.get(), logits.in(), deltas.in(), dlogits.out(), ddeltas.out(), loss.out(),
                                 static_cast<any_communicator<cpu>*>(nullptr), view<double const, 1, cpu>{weight.data(), {{classes}}});
  };
  array<double, 1> loss(of(2));
  array<double, 2> dlogits(logits.dims);
  run(loss, dlogits);
  double sum = 0, weights = 0;
  for (int r = 0; r < 2 * q; ++r) {
    int const u = s.label.values[std::size_t(r)];
    if (u < 0) continue;
    double all = 0;
    for (int k = 0; k < classes; ++k) all += std::exp(logits(r, k));
    sum -= weight[std::size_t(u)] * (logits(r, u) - std::log(all));
    weights += weight[std::size_t(u)];
  }
  CHECK(loss(0) == doctest::Approx(sum / weights).epsilon(1e-12));
  auto const report = testing::gradcheck(
      [&] {
        array<double, 1> again(of(2));
        array<double, 2> unused(logits.dims);
        run(again, unused);
        return again(0);
      },
      std::span(logits.values), dlogits.values);
  CHECK_MESSAGE(report.ok, report.describe());
}
