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

TEST_CASE("without a head the fourth stage is not there, and the rest is as it was") {
  auto const config = narrow::config();
  auto const whole = narrow::make(config), part = narrow::make(narrow::without_head(config));
  auto const sizes = [](narrow::model& m, bool head) {
    std::vector<std::pair<std::string, std::size_t>> all;
    for (auto const& e : m.parameters().entries())
      if (e.name.starts_with("roi_heads.") == head) all.emplace_back(e.name, e.p->size());
    return all;
  };
  CHECK(sizes(*part, false) == sizes(*whole, false));
  std::size_t head = 0;
  for (auto const& [name, size] : sizes(*part, true)) {
    CHECK(name.find("layer4") == name.npos);
    head += size;
  }
  CHECK(head == 32 + 1 + 2 * (4 + 16));  // fc6 of one output on the map's 32 channels, predictors of 3 classes and the background on it

  // Of the preset itself, whose stage is 14.9 million of its weights.
  auto const shape = [](auto const& c) {
    auto const model = presets::resnet50_c4<cpu>::make(c);
    std::size_t all = 0;
    for (auto const& e : model->parameters().entries())
      if (e.name.starts_with("roi_heads.box_head.")) all += e.p->size();
    return all;
  };
  auto const published = presets::resnet50_c4<cpu>::config({"a"});
  CHECK(shape(published) > 14'900'000);
  CHECK(shape(presets::resnet50_c4<cpu>::without_head(published)) == 1024 + 1);
}

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
