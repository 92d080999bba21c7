#pragma once
// RoIHead: regions to classes and refined boxes (Fast R-CNN on shared features).
//   1. H::levels, H::channels, H::coder, h.classes()    how many of the maps, the first ones, and channels of each it reads (any_channels:
//                                                       h.map_channels() has them); its BoxCoder; number of classes without background
//   2. h.infer(c, batch, maps, rois, thresholds, hits)  inference: hits [N, max_detections] by descending score, original pixels;
//                                                     thresholds: those of the call, in device memory; what it left out is
//                                                     h.defaults(), where there is one
//   3. training in three calls:
//        h.targets(c, batch, rois, truth, rng, tape)    samples RoIs, and what each is to learn
//        h.forward(c, batch, maps, tape)                the network on the sampled RoIs
//        h.loss(c, batch, truth, tape, loss)            loss[0] += class, loss[1] += box regression, on the device; gradients by outputs
//   4. h.backward(c, tape, drois, dmaps, how, gradients)  losses to d(maps): set or add. A level without memory is not wanted.
//                                                     drois [N, R] where drois.data != nullptr: d(loss)/d(corners) of the regions that
//                                                     targets() was given, in their rows, set; zero where a region was not sampled
//
// The smallest model:
//   struct yes_head {                                           // every region is an object of class 1
//     using scalar = float;  using device = cpu;  struct tape {};  using coder = box_coder;
//     using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
//     using regions = counted<box<float> const, 2, cpu>;  using thresholds = view<detect_thresholds const, 1, cpu>;
//     static constexpr int levels = 1, channels = 3;
//     int classes() const { return 1; }
//     void infer(context&, images im, map const&, regions rois, thresholds, counted<scored_box<float>, 2, cpu> hits) const {
//       std::fill_n(hits.rows.data, hits.rows.size(), scored_box<float>{});
//       for (int n = 0; n < im.size(); ++n) {
//         hits.count(n) = std::min(rois.count(n), hits.rows.dims[1]);
//         auto const& at = im.info(n);
//         for (int i = 0; i < hits.count(n); ++i)
//           hits.rows(n, i) = {conventions::torchvision::unscale_box(rois.rows(n, i), at.sx, at.sy), 1, 1};
//       }
//     }
//     void targets(context&, images, regions, truth<float, cpu>, rng<cpu>, tape&) const {}
//     void forward(context&, images, map const&, tape&) const {}
//     void loss(context&, images, truth<float, cpu>, tape&, view<float, 1, cpu>) const {}
//     void backward(context&, tape&, view<box<float>, 2, cpu>, map& df, writing how, writing) {
//       if (df.level[0] && how == writing::set) std::fill_n(df.level[0].data, df.level[0].dims.size(), 0.f);
//     }
//     template <class V> void for_each_param(V&&) {}
//   };
#include "frcnn/concepts/batch.hpp"
#include "frcnn/concepts/box_coder.hpp"
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/detect_options.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// The thresholds of a call (detect_options) as kernels see them: in device memory, one element, so that a recorded call serves the next
// one.
struct detect_thresholds {
  float score;
  double nms;  // as the head's convention compares it: a number of the head's scalar

  // For a head H. o: with everything set (complete).
  template <class H>
  static detect_thresholds of(detect_options const& o) {
    if constexpr (requires { typename H::rules; }) return {*o.score, H::rules::template nms_threshold<typename H::scalar>(*o.nms)};
    else return {*o.score, *o.nms};
  }
};

// clang-format off
template <class H>
concept RoIHead =
    Trainable<H> && (H::levels > 0) && ReadsChannels<H> && BoxCoder<typename H::coder> &&
    requires(H& h, H const& k, context_of<H>& c, batch<scalar_of<H>, device_of<H>> im, maps<scalar_of<H>, H::levels, device_of<H>> const& f,
             maps<scalar_of<H>, H::levels, device_of<H>>& df, truth<scalar_of<H>, device_of<H>> gt, rng<device_of<H>> r,
             counted<box<scalar_of<H>> const, 2, device_of<H>> roi, view<box<scalar_of<H>>, 2, device_of<H>> droi, view<detect_thresholds const, 1, device_of<H>> o,
             counted<scored_box<scalar_of<H>>, 2, device_of<H>> hit, typename H::tape& t, view<scalar_of<H>, 1, device_of<H>> loss, writing w) {
      { k.classes() } -> std::convertible_to<int>;
      k.infer(c, im, f, roi, o, hit);
      k.targets(c, im, roi, gt, r, t);
      k.forward(c, im, f, t);
      k.loss(c, im, gt, t, loss);
      h.backward(c, t, droi, df, w, w);
    };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
