// A training step and a detection in float, on each engine, are those of double: with layers of whole vectors of channels, which the engine
// fast gives to Winograd, in strips and pooled where nothing is kept.
#include "../engines.hpp"
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/parity.hpp"
#include "narrow.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

template <class T>
auto make(backbone::chain const& chain) {
  auto head = narrow_head<conventions::torchvision>();
  head.fc6 = 40;
  head.fc7 = 24;
  auto model = parts<T>::make(chain, narrow_rpn<conventions::torchvision>(), head);
  liven(*model);
  if constexpr (std::is_same_v<T, double>)  // what float holds of them
    for (auto const& e : model->parameters().entries()) {
      auto values = model->parameters().get(e);
      for (auto& v : values) v = static_cast<double>(static_cast<float>(v));
      model->parameters().set(e, values);
    }
  return model;
}

// The same pictures and boxes in another scalar.
template <class T>
scene<T> in(scene<float> const& s) {
  scene<T> out({{8, 8}});
  out.dims = s.dims;
  out.pixels.assign(s.pixels.begin(), s.pixels.end());
  out.info.clear();
  for (auto const& i : s.info) out.info.push_back({T(i.h), T(i.w), T(i.h0), T(i.w0), T(i.sx), T(i.sy)});
  out.id = s.id;
  out.boxes.clear();
  for (auto const& b : s.boxes) out.boxes.push_back(b.template as<T>());
  out.label = s.label;
  out.count = s.count;
  std::copy(std::begin(s.state), std::end(s.state), out.state);
  return out;
}

testing::step_decisions<float> narrowed(testing::step_decisions<double> const& d) {
  testing::step_decisions<float> f;
  f.anchor_label = d.anchor_label;
  f.anchor_match = d.anchor_match;
  f.roi_count = d.roi_count;
  f.roi_label = d.roi_label;
  f.rois.dims = d.rois.dims;
  for (auto const& b : d.rois.values) f.rois.values.push_back(b.as<float>());
  f.roi_target.dims = d.roi_target.dims;
  for (auto const& t : d.roi_target.values) f.roi_target.values.push_back({float(t.dx), float(t.dy), float(t.dw), float(t.dh)});
  return f;
}

// Of what learns, in the store's order.
template <class Model>
auto gradients_of(Model& model) {
  std::vector<std::pair<std::string, std::vector<typename Model::scalar>>> all;
  for (auto const& e : model.parameters().entries())
    if (e.p->wants_grad()) all.push_back({e.name, model.parameters().get_gradient(e)});
  return all;
}

template <class Model, class T>
std::vector<detection> found(Model const& model, cpu::context& c, scene<T>& s, int image) {
  auto const o = complete({}, model.head());
  int const n = s.dims[0], capacity = *o.max_detections;
  std::vector<scored_box<T>> hits(static_cast<std::size_t>(n * capacity));
  std::vector<std::int32_t> count(static_cast<std::size_t>(n));
  model.detect(c, s.images(), o, {{hits.data(), {{n, capacity}}}, {count.data(), {{n}}}});
  std::vector<detection> list;
  for (int i = 0; i < count[std::size_t(image)]; ++i) {
    auto const& h = hits[std::size_t(image * capacity + i)];
    list.push_back({h.where.template as<float>(), float(h.score), h.label});
  }
  return list;
}

}  // namespace

TEST_CASE("one step and one detection of every engine are double's") {
  bool pools = false;
  SUBCASE("of a chain of convolutions") {}
  SUBCASE("with pools") { pools = true; }
  auto const chain = pools ? pooled_chain::make() : whole_chain::make();
  // High enough that two threads get strips of the frozen prefix.
  scene<float> pictures({{176, 80}, {170, 96}, {130, 88}, {90, 96}, {64, 64}});
  auto exact = in<double>(pictures);
  auto const reference = make<double>(chain);
  reference->parameters().enable_gradients();
  typename std::remove_reference_t<decltype(*reference)>::tape wide;
  cpu::context plain({.threads = 2, .engine = cpu_engine::portable});
  auto const losses = losses_of_step(*reference, plain, exact, wide);
  auto const gradients = gradients_of(*reference);
  auto const decisions = narrowed(testing::record(plain, wide));

  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const model = make<float>(chain);
    model->parameters().enable_gradients();
    cpu::context c(options);
    typename std::remove_reference_t<decltype(*model)>::tape tape;
    poison(*model, c, tape);
    testing::replay(c, decisions, tape);
    auto const off = testing::compare(losses_of_step(*model, c, pictures, tape), losses, 1e-4);
    CHECK_MESSAGE(off.ok, "losses: ", off.describe());
    auto const ours = gradients_of(*model);
    REQUIRE(ours.size() == gradients.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      auto const report = testing::compare(ours[i].second, gradients[i].second, 1e-4);
      CHECK_MESSAGE(report.ok, ours[i].first, ": ", report.describe());
    }
    testing::detection_report boxes;
    for (int n = 0; n < pictures.dims[0]; ++n)
      boxes += testing::compare_detections(found(*model, c, pictures, n), found(*reference, plain, exact, n));
    CHECK_MESSAGE(boxes.ok(), boxes.describe());
    CHECK(boxes.boxes > 100);
  }
}
