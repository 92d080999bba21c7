// Gradients of proposals: what the head's losses say to the regions that it was given.
#include "frcnn/roi/fast_rcnn_head.hpp"

#include "../batches.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/testing/gradcheck.hpp"

using namespace batches;
using conventions::torchvision;

namespace {

// A head on one map of stride 8 that samples every candidate, with weights that answer.
struct lively_head {
  using f = features<double, cpu, 3>;
  using pooler = roi::pooler<f, torchvision>;
  using head = fast_rcnn_head<f, torchvision, pooler>;
  head layer;
  parameter_store<double, cpu> store;
  cpu::context c{2};
  std::vector<double> map;
  maps<double, 1, cpu> in;
  head::tape tape;
  std::vector<double> loss{0, 0};

  static fast_rcnn_options<torchvision> options() {
    fast_rcnn_options<torchvision> o;
    o.classes = 2;
    o.fc6 = 6;
    o.fc7 = 5;
    o.target.batch = 16;
    o.target.foreground_fraction = 1;
    return o;
  }
  explicit lively_head(roi::pooling kind) : layer(pooler({8}, {kind, 3}), options()), map(std::size_t{2} * 3 * 16 * 16) {
    store.bind(layer);
    store.enable_gradients();
    std::uint64_t stream = 0;
    for (auto const& e : store.entries()) {
      host_rng draws(4, draw::test, stream++);
      std::vector<double> values(e.p->size());
      for (auto& v : values) v = .4 * draws.normal();
      store.set(e, values);
    }
    host_rng draws(9, draw::test);
    for (auto& v : map) v = draws.normal();
    in.level[0] = cpu::context::make_at<double>(map.data(), {{2, 3, 16, 16}});
  }
  double run(scene<double> const& s, rows_of<box<double>> const& rois) {
    batch<double, cpu> const im{{nullptr, {{2, 3, 128, 128}}}, s.info.in(), s.id.in()};
    loss = {0, 0};
    layer.targets(c, im, rois.in(), s.gt(), s.random(), tape);
    layer.forward(c, im, in, tape);
    layer.loss(c, im, s.gt(), tape, {loss.data(), {{2}}});
    return loss[0] + loss[1];
  }
};

scene<double> two_images() {
  return scene<double>(objects<double>{{{{20, 22, 61, 57}, 1}, {{70, 60, 110, 101}, 2}}, {{{31, 12, 90, 77}, 2}}});
}
std::vector<std::vector<box<double>>> const regions{
    {{22.3, 20.1, 58.2, 60.7}, {68.9, 63.3, 107.2, 96.4}, {3.1, 5.2, 30.6, 44.7}, {-9.3, 40.2, 33.1, 140.4}, {50.1, 50.2, 54.3, 53.9}},
    {{29.2, 14.3, 88.8, 80.1}, {64.4, 90.2, 101.9, 120.6}, {35.5, 20.1, 80.7, 99.2}}};

}  // namespace

TEST_CASE("derivatives by the corners of proposals") {
  roi::pooling kind{};
  SUBCASE("RoIAlign") { kind = roi::pooling::align; }
  SUBCASE("RoI max pooling: through the targets alone") { kind = roi::pooling::max; }
  SUBCASE("RoI warping") { kind = roi::pooling::warp; }
  lively_head here(kind);
  auto const s = two_images();
  auto rois = filled(regions, 6);  // rows 5, and 3 to 5, are dead
  here.run(s, rois);
  array<box<double>, 2> drois(of(2, 6), box<double>{7, 7, 7, 7});
  std::vector<double> dmap(here.map.size());
  maps<double, 1, cpu> df{{cpu::context::make_at<double>(dmap.data(), {{2, 3, 16, 16}})}};
  here.layer.backward(here.c, here.tape, drois.out(), df, writing::set);
  std::vector<double> analytic;
  for (auto const& d : drois.values) analytic.insert(analytic.end(), {d.x1, d.y1, d.x2, d.y2});
  for (int const dead : {5, 9, 10, 11})
    for (int k = 0; k < 4; ++k) CHECK(analytic[std::size_t(4 * dead + k)] == 0);
  CHECK(std::count_if(analytic.begin(), analytic.end(), [](double d) { return d != 0; }) > 10);
  double* const first = &rois.rows.values[0].x1;
  auto const report = testing::gradcheck([&] { return here.run(s, rois); }, std::span(first, analytic.size()), analytic,
                                         {.tolerance = 1e-6, .step = 1e-6, .may_skip = .2});
  CHECK_MESSAGE(report.ok, report.describe());

  // The same without d(maps).
  maps<double, 1, cpu> none{};
  array<box<double>, 2> again(of(2, 6));
  here.run(s, rois);
  here.layer.backward(here.c, here.tape, again.out(), none, writing::set);
  CHECK(again.values == drois.values);
}

TEST_CASE("held decisions that do not say which proposals they sampled have no gradient by them") {
  lively_head here(roi::pooling::align);
  auto const s = two_images();
  auto const rois = filled(regions, 6);
  here.run(s, rois);
  here.tape.decided.targets.proposal = {};
  maps<double, 1, cpu> none{};
  array<box<double>, 2> drois(of(2, 6));
  CHECK_THROWS_AS(here.layer.backward(here.c, here.tape, drois.out(), none, writing::set), error);
}
