// The preset family on ResNet without a pyramid, a few channels wide: its fourth stage is the head, behind each region.
#include "frcnn/presets/resnet_c4.hpp"

#include "frcnn/testing/decisions.hpp"
#include "gradients.hpp"

#include <numeric>

using namespace detector_tests;

namespace {

struct narrow : presets::resnet_c4<cpu, double> {
  static config_type config() {
    config_type c;
    c.classes = {"a", "b", "c"};
    c.body = {{1, 1, 1, 2}, 3, 2};
    c.anchor_sizes = {{16, 32}};
    c.anchor_ratios = {.5, 1, 2};
    c.proposals = narrow_rpn<convention>();
    c.pooling.pooled = 4;
    c.head = narrow_head<convention>();
    c.head.fc6 = c.head.fc7 = 0;
    return c;
  }
};

}  // namespace

TEST_CASE("ResNet's fourth stage as the head: names, widths, and a step's gradients are derivatives") {
  auto const model = narrow::make(narrow::config());
  auto& store = model->parameters();
  CHECK(store.at("roi_heads.box_head.layer4.1.conv3.weight").file_shape() == std::vector<std::int64_t>{64, 16, 1, 1});
  CHECK(store.at("roi_heads.box_predictor.cls_score.weight").file_shape() == std::vector<std::int64_t>{4, 64});
  CHECK(store.at("backbone.layer3.0.downsample.1.running_var").p->kind == param_kind::buffer);
  liven(*model);
  store.enable_gradients();
  cpu::context c(1);
  scene<double> here({{64, 96}, {60, 96}});
  narrow::model::tape tape;
  auto const run = [&] {
    std::vector<double> loss(4);
    model->step(c, here.images(), here.objects(), here.random(), tape, {loss.data(), {{4}}});
    return std::accumulate(loss.begin(), loss.end(), 0.0);
  };
  run();
  testing::replay(c, testing::record(c, tape), tape);
  take_gradients(*model);
  testing::gradcheck_options const how{.tolerance = 2e-5, .step = 5e-7, .samples = 12, .may_skip = .4};
  check_gradients(*model, run, everywhere, how);

  // Frozen as torchvision freezes it: the stem and the first stage.
  narrow::freeze_published(*model);
  for (auto const& e : store.entries())
    if (e.p->kind != param_kind::buffer)
      CHECK((e.p->kind == param_kind::frozen) == (e.name.starts_with("backbone.conv1") || e.name.starts_with("backbone.layer1")));
  check_gradients(
      *model, run, [](std::string const& name) { return !name.starts_with("backbone.conv1") && !name.starts_with("backbone.layer1"); },
      how);
}
