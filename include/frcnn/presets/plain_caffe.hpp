#pragma once
// What `zf` and `vgg16` share: the networks of the paper as the authors' release trains them end to end (py-faster-rcnn at 781a917).
//
//   input          BGR from 0 to 255 less one mean a channel, shorter side 600, longer at most 1000, no padding
//   anchors        128, 256, 512 x .5, 1, 2
//   head           RoIPool, fc6 and fc7 of 4096 with dropout .5, Gaussian predictors (.01, .001), targets by the coder's fixed deviations
//   one step       two images, one a micro-batch (iter_size 2); rate .001, a tenth after 50,000 of 70,000 steps, no warm-up, no clipping
// What is the convention's is not repeated here: geometry/conventions/caffe.hpp.
//
// These networks were trained from ImageNet weights. Without them nothing is frozen, since frozen layers of noise would stay noise, and
// convolutions start as Kaiming has it, the first for pixels of a deviation of 58: with draws for a deviation of 1 vgg16's loss is 34 at
// the first step on BCCD, and no number at the fourth. A caller that has weights calls the preset's freeze_published(model), which freezes
// what the release does, in every backbone that the model has (presets/unshared.hpp).
#include "frcnn/presets/plain_preset.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

// A plain_config whose head may scale dropout in testing and learn empirical targets: both change detections, so its spec says them.
template <class Rules>
struct caffe_config : plain_config<Rules> {
  template <class Spec>
  void describe(Spec& spec) {
    plain_config<Rules>::describe(spec);
    this->head.describe_dropout(spec, true);
    spec.choice("targets", this->head.empirical_targets, "fixed", "empirical");
  }
};

template <int Channels, Backend B, Real T>
struct plain_caffe : plain_preset<Channels, B, T, conventions::caffe, caffe_config> {
  using base = plain_preset<Channels, B, T, conventions::caffe, caffe_config>;
  using family = plain_caffe;

  // What the release's solvers say for VOC (models/pascal_voc/*/faster_rcnn_*/*solver*): of end-to-end training, and of the two kinds of
  // steps in alternating training, where one step is one image for the RPN and two for Fast R-CNN; the latter is Fast R-CNN's own, too.
  static training_defaults training() { return solver(1, 2, 50000, 70000); }
  static training_defaults training_of_rpn() { return solver(1, 1, 60000, 80000); }
  static training_defaults training_of_head() { return solver(2, 1, 30000, 40000); }
  static training_defaults training_of_fast_rcnn() { return training_of_head(); }
  static constexpr int rois_of_head_step = 64;  // of an image there, in place of roi_batch

  // MS COCO (section 4.2 of the paper). End-to-end training: models/coco/VGG16/faster_rcnn_end2end and experiments/scripts, whose networks
  // have anchors of 64 pixels too and no dropout. The release has no alternating training on COCO; its solvers are the paper's, of eight
  // GPUs with an image each for the RPN and two for Fast R-CNN, here one after the other. On regions of a file (Fast R-CNN alone) it has
  // models/coco/VGG16/fast_rcnn.
  struct coco_protocol {
    static void apply_to(typename base::config_type& c) {
      c.anchor_sizes = {{64, 128, 256, 512}};
      c.anchor_ratios = {0.5, 1, 2};
      c.short_side = 600;
      c.max_side = 1000;
      c.head.dropout = 0;
      c.head.target.background_low = 0;
      c.head.target.background_high = 0.5;
    }
    static training_defaults training() { return solver(1, 2, 350000, 490000); }
    static training_defaults training_of_rpn() { return solver(1, 8, 240000, 320000, 0.003); }
    static training_defaults training_of_head() { return solver(2, 8, 240000, 320000, 0.003); }
    static training_defaults training_of_fast_rcnn() { return solver(2, 1, 200000, 280000); }
  };

  // The release starts from ImageNet weights.
  static constexpr bool expects_imagenet = true;

 protected:
  static typename base::config_type config_of(char const* name, backbone::chain chain, int pooled, std::vector<std::string> classes) {
    auto c = base::config_of(name, std::move(chain), std::move(classes));
    c.anchor_sizes = {{128, 256, 512}};
    c.short_side = 600;
    c.max_side = 1000;
    c.normalisation = pixel_normalisation::caffe();
    c.chain.input_deviation = c.normalisation.deviation_of_photographs();
    c.pooling = {roi::pooling::max, pooled, 1};
    c.head.fc6 = c.head.fc7 = 4096;
    c.head.dropout = 0.5;
    c.head.gaussian_predictors = true;
    return c;
  }

  // Layers of the chain, by their numbers in parameters' names.
  template <class Model>
  static void freeze_layers(Model& model, std::initializer_list<char const*> layers) {
    auto& store = model.parameters();
    for (std::string const scope : {"backbone.", "rpn.backbone."})
      if (std::ranges::any_of(store.entries(), [&](auto const& e) { return e.name.starts_with(scope); }))
        for (auto const* layer : layers) store.freeze(scope + layer);
  }

 private:
  static training_defaults solver(int batch, int accumulate, std::int64_t drop, std::int64_t steps, double lr = 0.001) {
    return {.epochs = 1,  // not used: the number of steps is fixed
            .batch = batch,
            .rate = {.lr = lr, .steps = steps, .drops = {static_cast<double>(drop) / static_cast<double>(steps)}},
            .optimiser = {.momentum = 0.9, .decay = 5e-4},
            .accumulate = accumulate};
  }
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
