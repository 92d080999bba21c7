#pragma once
// The detector that the tests of whole steps train, the preset `small` made narrower, and pictures for it.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/presets/plain_preset.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

namespace detector_tests {

using namespace frcnn;

struct narrow_chain {
  static backbone::chain make() {
    using backbone::conv;
    return {{conv(4, 3, 2), conv(8, 3, 2), conv(8, 3, 2), conv(8), conv(12, 3, 2), conv(12)}};
  }
};

// The same with whole vectors of channels: on the engine fast Winograd's layers, here and in the RPN.
struct whole_chain {
  static backbone::chain make() {
    using backbone::conv;
    return {{conv(16, 3, 2), conv(16, 3, 2), conv(32, 3, 2), conv(32), conv(48, 3, 2), conv(48)}};
  }
};
// In VGG's manner: pools, and a frozen prefix that runs in strips.
struct pooled_chain {
  static backbone::chain make() {
    using backbone::conv, backbone::pool;
    return {{conv(16), conv(16), pool(), conv(32), pool(), conv(32), conv(32), pool(), conv(32), pool(), conv(48)}, 3};
  }
};

// The parts of the presets of a family, so that a program of tests compiles one network for a scalar and a convention.
template <Real T, class Rules = conventions::torchvision>
struct parts : presets::plain_preset<any_channels, cpu, T, Rules> {
  using base = presets::plain_preset<any_channels, cpu, T, Rules>;

  static std::unique_ptr<typename base::model> make(backbone::chain const& chain, rpn_options<Rules> const& rpn,
                                                    fast_rcnn_options<Rules> const& head, roi::pooling kind = roi::pooling::align) {
    typename base::config_type config;
    config.chain = chain;
    config.classes.assign(static_cast<std::size_t>(head.classes), "object");
    config.anchor_sizes = {{24, 48, 96}};
    config.anchor_ratios = {.5, 1, 2};
    config.proposals = rpn;
    config.pooling = {kind};
    config.head = head;
    return base::make(config);
  }
};

// Options under which a step on small pictures samples, suppresses and drops something.
template <class Rules>
rpn_options<Rules> narrow_rpn() {
  rpn_options<Rules> o;
  o.target.batch = 32;
  o.train = {200, 40};
  o.test = {100, 30};
  return o;
}
template <class Rules>
fast_rcnn_options<Rules> narrow_head(double dropout = 0) {
  fast_rcnn_options<Rules> o;
  o.classes = 3;
  o.fc6 = 10;
  o.fc7 = 8;
  o.dropout = dropout;
  o.target.batch = 16;
  return o;
}

// Weights and biases under which every layer answers: He's deviation for weights, .1 for biases.
template <class Model>
void liven(Model& model, std::uint64_t seed = 5) {
  auto& store = model.parameters();
  std::uint64_t stream = 0;
  for (auto const& e : store.entries()) {
    host_rng draws(seed, draw::test, stream++);
    double const deviation = e.p->rank == 1 ? .1 : std::sqrt(2.0 * e.p->dims[0] / static_cast<double>(e.p->size()));
    std::vector<typename Model::scalar> values(e.p->size());
    for (auto& v : values) v = static_cast<typename Model::scalar>(deviation * draws.normal());
    if (e.p->kind == param_kind::buffer && (e.p->name == "weight" || e.p->name == "running_var"))  // of batch normalisation
      for (auto& v : values) v = (1 + std::abs(v)) / (e.name.ends_with("bn3.weight") ? 4 : 1);  // of a block's sum, or it grows with each
    store.set(e, values);
  }
}

// A batch of random pictures of different sizes, with three boxes each, padded to the largest.
template <class T>
struct scene {
  shape<4> dims;
  std::vector<T> pixels;
  std::vector<image_info<T>> info;
  std::vector<std::uint64_t> id;
  std::vector<box<T>> boxes;
  std::vector<std::int32_t> label, count;
  std::uint64_t state[2];  // seed, step

  struct size {
    int h, w;
  };
  explicit scene(std::vector<size> const& sizes, std::uint64_t seed = 1, std::uint64_t step = 0) : state{seed, step} {
    int const n = static_cast<int>(sizes.size());
    dims = {{n, 3, 0, 0}};
    for (auto const s : sizes) dims = {{n, 3, std::max(dims[2], s.h), std::max(dims[3], s.w)}};
    pixels.assign(dims.size(), T(0));
    for (int i = 0; i < n; ++i) {
      auto const [h, w] = sizes[static_cast<std::size_t>(i)];
      host_rng draws(seed, draw::test, 100 + static_cast<std::uint64_t>(i));
      for (int ch = 0; ch < 3; ++ch)
        for (int y = 0; y < h; ++y)
          for (int x = 0; x < w; ++x)
            pixels[((static_cast<std::size_t>(i) * 3 + ch) * dims[2] + y) * dims[3] + x] = static_cast<T>(draws.normal());
      info.push_back({T(h), T(w), T(h), T(w), T(1), T(1)});
      id.push_back(seed * 10 + static_cast<std::uint64_t>(i));
      for (int g = 0; g < 3; ++g) {
        double const bw = draws.uniform(12, w * .7), bh = draws.uniform(12, h * .7), x = draws.uniform(0, w - bw),
                     y = draws.uniform(0, h - bh);
        boxes.push_back({T(x), T(y), T(x + bw), T(y + bh)});
        label.push_back(1 + g);
      }
      count.push_back(3);
    }
  }

  batch<T, cpu> images() { return {{pixels.data(), dims}, {info.data(), {{dims[0]}}}, {id.data(), {{dims[0]}}}}; }
  truth<T, cpu> objects() { return {{{boxes.data(), {{dims[0], 3}}}, {count.data(), {{dims[0]}}}}, {label.data(), {{dims[0], 3}}}}; }
  rng<cpu> random() { return {{state, {{2}}}}; }
};

// Four losses of a step.
template <class Model>
std::vector<typename Model::scalar> losses_of_step(Model& model, cpu::context& c, scene<typename Model::scalar>& s, typename Model::tape& t,
                                                   part_set written = {}) {
  std::vector<typename Model::scalar> loss(4);
  model.step(c, s.images(), s.objects(), s.random(), t, {loss.data(), {{4}}}, written);
  return loss;
}

// Every parameter's gradient, one after the other, in the order of the store; nothing of one without.
template <class Model>
std::vector<std::vector<typename Model::scalar>> take_gradients(Model& model) {
  std::vector<std::vector<typename Model::scalar>> all;
  for (auto const& e : model.parameters().entries()) {
    all.emplace_back();
    if (e.p->wants_grad()) all.back() = model.parameters().get_gradient(e);
  }
  return all;
}

template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}
template <class T>
bool same_bits(std::vector<std::vector<T>> const& a, std::vector<std::vector<T>> const& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto const& x, auto const& y) { return same_bits(x, y); });
}

// What is left from before is not a number: gradients, whatever a tape keeps, the arena.
template <class T>
void poison(buffer<T, cpu>& b) {
  if (b.capacity()) std::memset(static_cast<void*>(b.data()), 0xff, b.capacity() * sizeof(T));
}
template <class Model>
void poison(Model& model, cpu::context& c, typename Model::tape& t) {
  auto& store = model.parameters();
  std::ranges::fill(store.gradients(), std::numeric_limits<typename Model::scalar>::quiet_NaN());
  for (auto& b : t.backbone.memory) poison(b);
  for (auto& b : t.backbone.argmax) poison(b);
  for (auto& of_levels : t.proposals.hidden_memory)
    for (auto& b : of_levels) poison(b);
  for (auto* b : {&t.proposals.logit_memory, &t.proposals.delta_memory, &t.proposals.dlogit_memory, &t.proposals.ddelta_memory}) poison(*b);
  for (auto* b : {&t.head.pooled_memory, &t.head.h6_memory, &t.head.h7_memory, &t.head.logit_memory, &t.head.delta_memory,
                  &t.head.dlogit_memory, &t.head.ddelta_memory, &t.head.fc6.hidden_memory, &t.head.fc7.hidden_memory})
    poison(*b);
  cpu::context::frame const scope(c);
  std::size_t const bytes = std::max<std::size_t>(c.high_water(), std::size_t{8} << 20);
  std::memset(c.scratch(bytes), 0xff, bytes);
}

}  // namespace detector_tests
