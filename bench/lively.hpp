#pragma once
// A preset's model with random weights that behave as trained ones do where time depends on it.
//
// Fresh weights score all anchors alike and move none: sorting, suppression and post-processing would meet ties and near copies. So after
// initialisation each of the four predictors is calibrated on a random image: an output's weights are scaled, its bias moved, until over
// the image it has mean 0 and
//   deviation 2    RPN logits, class logits: scores from 0.02 to 0.98
//   deviation .3   RPN corrections: boxes move by a third of their side and grow or shrink by a third
//   deviation 1    class corrections: with the coder's weights of 10 and 5 a third of that and less
// 300 live proposals of every image follow, and a hundred detections; stages and detect check the first and report both.
#include "../tests/ops/layers.hpp"
#include "data.hpp"

#include <frcnn/core/staging.hpp>
#include <frcnn/detector/detector.hpp>
#include <frcnn/detector/faster_rcnn.hpp>
#include <frcnn/presets/small.hpp>
#include <frcnn/presets/vgg16_tv.hpp>
#include <frcnn/train/sgd.hpp>

#include <memory>

namespace bench {

using frcnn::phase;

inline std::vector<std::string> class_names(int n = 20) {
  std::vector<std::string> names;
  for (int i = 0; i < n; ++i) names.push_back("class" + std::to_string(i + 1));
  return names;
}

// A batch of random images with eight boxes of truth each, on the device.
template <class Preset>
struct random_batch {
  frcnn::input_batch<float, device> input;
  frcnn::batch<float, device> images;
  frcnn::truth<float, device> truth;

  random_batch(context& c, int n, int h, int w) : input(frcnn::pixel_normalisation::imagenet(), Preset::convention::size_divisor) {
    constexpr int objects = 8;
    input.start(n, h, w, objects);
    for (int i = 0; i < n; ++i) {
      auto const seed = static_cast<std::uint64_t>(i) + 1;
      auto const im = random_image(h, w, seed);
      input.set_image(i, im.pixels.data(), {w, h, 1, 1, 1, 1}, w, h, seed);
      stream s(seed);
      std::vector<std::int32_t> labels;
      for (int g = 0; g < objects; ++g) labels.push_back(1 + s.below(20));
      input.set_truth(i, crowded_boxes(objects, h, w, objects, seed), labels);
    }
    images = input.upload(c);
    truth = input.upload_truth(c);
  }
};

// One for each preset and all engines, made when first asked for: VGG-16's weights take seconds to draw. Detection and training do not
// share one: layers keep converted weights only while nothing learns. Ranks of fc6 and fc7: 0 is full.
template <class Preset, int fc6_rank = 0, int fc7_rank = 0>
class lively {
 public:
  using preset = Preset;
  using model_type = typename Preset::model;
  using detector_type = frcnn::detector<Preset>;

  static lively& get(phase ph = phase::test) {
    static std::unique_ptr<lively> one;
    bool const learns = ph == phase::train;
    if (one && one->learns_ && !learns) one.reset();  // before the next takes as much memory
    if (!one) one.reset(new lively);
    if (learns && !one->learns_) {
      one->model().parameters().enable_gradients();
      one->model().parameters().home().wait();  // their memory is there
    }
    one->learns_ = learns;
    return *one;
  }
  detector_type& detector() { return detector_; }
  model_type& model() { return detector_.model(); }

 private:
  lively() : detector_(config(), default_options()) {
    model().parameters().initialise(0);
    context c(default_options());
    calibrate(c);
  }
  static typename Preset::config_type config() {
    auto all = Preset::config(class_names());
    all.head.fc6_rank = fc6_rank;
    all.head.fc7_rank = fc7_rank;
    return all;
  }

  void calibrate(context& c) {
    context::frame scope(c);
    random_batch<Preset> const scene(c, 1, 256, 320);
    auto const& m = model();
    frcnn::maps<float, 1, device> f{{c.make<float>(m.backbone().map_shape(0, scene.images.pixels.dims))}};
    m.backbone().infer(c, scene.images, f);
    auto const tape = std::make_unique<typename model_type::tape>();
    auto& [backbone_tape, rpn, head] = *tape;
    m.generator().forward(c, scene.images, f, rpn);
    spread("rpn.head.cls_logits", frcnn::to_host(c, rpn.logits), 2);
    spread("rpn.head.bbox_pred", frcnn::to_host(c, rpn.deltas), 0.3);

    m.generator().forward(c, scene.images, f, rpn);
    auto const rois = frcnn::scratch_counted<box<float>, device>(c, 1, m.generator().capacity(phase::train));
    m.generator().propose(c, scene.images, rpn, phase::train, rois);
    auto const state = uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0});
    m.head().targets(c, scene.images, rois, scene.truth, frcnn::rng<device>{state}, head);
    m.head().forward(c, scene.images, f, head);
    spread("roi_heads.box_predictor.cls_score", frcnn::to_host(c, head.logits), 2);
    spread("roi_heads.box_predictor.bbox_pred", frcnn::to_host(c, head.deltas), 1);
  }

  // outputs [rows, O] of the layer: makes their mean 0 and their deviation what is wanted.
  void spread(std::string const& layer, values const& outputs, double deviation) {
    auto& store = model().parameters();
    auto const &weight = store.at(layer + ".weight"), &bias = store.at(layer + ".bias");
    auto w = store.get(weight), b = store.get(bias);
    std::size_t const o_count = b.size(), rows = outputs.size() / o_count, k = w.size() / o_count;
    for (std::size_t o = 0; o < o_count; ++o) {
      double sum = 0, squares = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        double const v = outputs[r * o_count + o];
        sum += v;
        squares += v * v;
      }
      double const n = static_cast<double>(rows), mean = sum / n, now = std::sqrt(std::max(squares / n - mean * mean, 1e-30));
      auto const scale = static_cast<float>(deviation / now);
      for (std::size_t i = 0; i < k; ++i) w[o * k + i] *= scale;
      b[o] = (b[o] - static_cast<float>(mean)) * scale;
    }
    store.set(weight, w);
    store.set(bias, b);
  }

  detector_type detector_;
  bool learns_ = false;
};

// Whether the last update was applied.
inline std::string not_finite_update(context& c, frcnn::sgd<float, device> const& optimiser) {
  view<frcnn::detail::sgd_control const, 1, device> const control{optimiser.control(), {{1}}};
  return not_equal("finite", frcnn::to_host(c, control)[0].finite, 1);
}

}  // namespace bench
