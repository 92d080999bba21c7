// A detector under the authors' convention follows it in every part: the constants that no single part owns.
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;
using conventions::caffe, conventions::torchvision;

namespace {

template <class Rules>
using pooled = parts<float, Rules>;

// Stages that say how they round.
backbone::chain said() { return {{backbone::conv(48), backbone::pool(2, 2, 0, false), backbone::pool(2, 2, 0, true)}}; }
template <class Rules>
using network = backbone::plain<48, float, cpu, Rules>;

}  // namespace

TEST_CASE("biases learn at twice the rate under caffe and decay like weights, in every part") {
  auto const multipliers = [](auto const& model, float of_bias) {
    int biases = 0;
    for (auto const& e : model.parameters().entries()) {
      CAPTURE(e.name);
      bool const is_bias = e.name.ends_with(".bias");
      biases += is_bias;
      CHECK(e.p->lr_mult == (is_bias ? of_bias : 1));
      CHECK(e.p->decay_mult == 1);
    }
    CHECK(biases == 7 + 3 + 4);  // backbone, RPN, head
  };
  auto low_rank = narrow_head<caffe>();
  low_rank.fc6_rank = 2;
  multipliers(*pooled<caffe>::make(pooled_chain::make(), narrow_rpn<caffe>(), low_rank), 2);
  multipliers(*pooled<torchvision>::make(pooled_chain::make(), narrow_rpn<torchvision>(), narrow_head<torchvision>()), 1);
}

TEST_CASE("pools round up under caffe, unless a layer says how") {
  // 50 x 70: 25, 13, 7, 4 x 35, 18, 9, 5; rounded down 25, 12, 6, 3 x 35, 17, 8, 4
  shape<4> const pixels{{1, 3, 50, 70}};
  auto const same = [](shape<4> const& s, int h, int w) { return s[2] == h && s[3] == w; };
  CHECK(same(network<caffe>(pooled_chain::make()).map_shape(0, pixels), 4, 5));
  CHECK(same(network<torchvision>(pooled_chain::make()).map_shape(0, pixels), 3, 4));
  CHECK(same(network<caffe>(said()).map_shape(0, {{1, 3, 7, 11}}), 2, 3));
  CHECK(same(network<torchvision>(said()).map_shape(0, {{1, 3, 7, 11}}), 2, 3));
  CHECK(network<caffe>(pooled_chain::make()).description().find("pool 2x2/2 pad 0 ceil") != std::string::npos);
}

TEST_CASE("what a head reports is the convention's: suppression at .3 under caffe") {
  CHECK(fast_rcnn_options<caffe>().detections.nms == .3);
  CHECK(fast_rcnn_options<torchvision>().detections.nms == .5);
  auto const model = pooled<caffe>::make(pooled_chain::make(), narrow_rpn<caffe>(), narrow_head<caffe>());
  auto const o = complete({.score = .2f}, model->head());
  CHECK((*o.score == .2f && *o.nms == .3 && *o.max_detections == 100));
}

TEST_CASE("the form of momentum is the convention's where the optimiser is not told: v = m v + lr g under caffe") {
  memory_feed const pictures(memory_feed::eight_sizes());
  double const lr = .125, decay = .01;
  // Velocities after one step: g + decay w, or lr lr_mult (g + decay w).
  auto const velocities = [&](std::optional<bool> inside) {
    auto const model = pooled<caffe>::make(pooled_chain::make(), narrow_rpn<caffe>(), narrow_head<caffe>());
    using model_type = typename pooled<caffe>::model;
    liven(*model);
    cpu::context c(1);
    trainer<model_type> t(*model, c, input_batch<float, cpu>(pixel_normalisation::caffe(), caffe::size_divisor),
                          {.rate = {.lr = lr, .warmup = 0, .steps = 1}, .optimiser = {.decay = decay, .lr_inside_momentum = inside}});
    t.run(pictures);
    std::vector<std::pair<std::string, std::vector<float>>> all;
    for (auto const& e : model->parameters().entries())
      if (e.p->wants_grad()) all.emplace_back(e.name, t.optimiser().get_velocity(e));
    return all;
  };
  auto const outside = velocities(false), by_convention = velocities({});
  CHECK(by_convention == velocities(true));
  double largest = 0;
  for (std::size_t k = 0; k < outside.size(); ++k) {
    float const factor = outside[k].first.ends_with(".bias") ? 2 * static_cast<float>(lr) : static_cast<float>(lr);
    for (std::size_t i = 0; i < outside[k].second.size(); ++i) {
      float const ours = by_convention[k].second[i], expected = factor * outside[k].second[i];
      REQUIRE(std::abs(ours - expected) <= 1e-5f * std::abs(expected));
      largest = std::max(largest, double{std::abs(ours)});
    }
  }
  CHECK(largest > 0);
}
