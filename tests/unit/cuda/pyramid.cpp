// ResNet with a feature pyramid, batch normalisation and a deep head on the CUDA backend: a detection and the gradients of a step are the
// CPU's.
#include "composed.hpp"

#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

using namespace composed_tests;
using namespace detector_tests;

namespace {

template <Backend B>
struct narrow_pyramid : presets::resnet_fpn<B, float> {
  static auto config() {
    auto c = narrow_pyramid::config_of("narrow", {{1, 2, 1, 1}, 4, 4}, {"disc", "bar", "ring"});
    c.anchor_sizes = {{12}, {24}, {48}, {64}, {96}};
    c.fpn_channels = 8;
    c.normalises_all = true;
    c.head_convolutions = 2;
    c.proposals = narrow_rpn<conventions::torchvision>();
    c.proposals.convolutions = 2;
    c.pooling.pooled = 3;
    c.head = narrow_head<conventions::torchvision>();
    c.head.fc7 = 0;
    return c;
  }
};

struct outcome {
  std::vector<float> boxes, losses;
  std::vector<std::vector<float>> gradients;
};

template <Backend B>
outcome run_on(typename B::options const& options) {
  using preset = narrow_pyramid<B>;
  auto const model = preset::make(preset::config());
  liven(*model);
  auto& store = model->parameters();
  store.enable_gradients();
  typename B::context c(options);
  auto input = input_of<preset>();
  memory_feed const feed(memory_feed::eight_sizes());
  feed(0, input);
  auto const images = input.upload(c);
  auto const objects = input.upload_truth(c);
  buffer<scored_box<float>, B> hits(c, 20);
  buffer<std::int32_t, B> count(c, 2);
  buffer<std::uint64_t, B> state(c, 2);
  buffer<float, B> loss(c, 4);
  from_host(c, {1, 1}, view<std::uint64_t, 1, B>{state.data(), {{2}}});
  typename preset::model::tape tape;
  outcome o;
  model->detect(c, images, {.score = .1f, .max_detections = 10}, {{hits.data(), {{2, 10}}}, {count.data(), {{2}}}});
  CHECK(to_host(c, view<std::int32_t, 1, B>{count.data(), {{2}}})[0] > 0);
  for (auto const& h : to_host(c, view<scored_box<float>, 1, B>{hits.data(), {{20}}}))
    o.boxes.insert(o.boxes.end(), {h.score, h.where.x1, h.where.y1, h.where.x2, h.where.y2, static_cast<float>(h.label)});
  model->step(c, images, objects, rng<B>{{state.data(), {{2}}}}, tape, {loss.data(), {{4}}});
  o.losses = to_host(c, view<float, 1, B>{loss.data(), {{4}}});
  for (auto const& e : store.entries())
    if (e.p->wants_grad()) o.gradients.push_back(to_host(c, e.p->grad));
  return o;
}

}  // namespace

TEST_CASE("cuda: ResNet with a pyramid detects and learns as on the CPU" * doctest::skip(!is_there())) {
  auto const cpu_s = run_on<cpu>(portable), ours = run_on<device>(ways[0]);
  auto const near = [](std::vector<float> const& a, std::vector<float> const& b) {
    auto const report = testing::compare(a, b, 1e-4);
    CHECK_MESSAGE(report.ok, report.describe());
  };
  near(ours.boxes, cpu_s.boxes);
  near(ours.losses, cpu_s.losses);
  REQUIRE(ours.gradients.size() == cpu_s.gradients.size());
  for (std::size_t i = 0; i < ours.gradients.size(); ++i) near(ours.gradients[i], cpu_s.gradients[i]);
}
