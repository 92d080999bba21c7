#pragma once
// How 8-bit pixels become the numbers that a network reads. Run-time data, not a convention: it comes with the weights and lies in the
// model file.
//
//   y = (x * range / 255 - mean[c]) / deviation[c],  x in [0, 255], channels in the network's order (bgr or rgb)
//
// Example: imagenet(), x = 255, channel 0 (red): (1 - .485) / .229 = 2.2489; caffe(), x = 255, channel 0 (blue): 255 - 102.9801 = 152.0199
// Normalising comes before resizing and padding in both releases: padding is zero in y.
#include "frcnn/config.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct pixel_normalisation {
  bool bgr = false;  // order of the channels that the network reads
  double range = 1;  // pixels run from 0 to this
  double mean[3] = {0, 0, 0};
  double deviation[3] = {1, 1, 1};

  // torchvision's detection models
  FRCNN_PER_BUILD static constexpr pixel_normalisation imagenet() { return {false, 1, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}; }
  // the authors' releases: BGR, 0 to 255, one mean per channel (py-faster-rcnn, PIXEL_MEANS)
  FRCNN_PER_BUILD static constexpr pixel_normalisation caffe() { return {true, 255, {102.9801, 115.9465, 122.7717}, {1, 1, 1}}; }

  // x: 0 to 255; channel: in the network's order
  template <class T>
  FRCNN_PER_BUILD FRCNN_HD T operator()(T x, int channel) const {
    return (x * T(range) / T(255) - T(mean[channel])) / T(deviation[channel]);
  }

  // Which of a file's R, G, B the network's channel reads.
  FRCNN_PER_BUILD FRCNN_HD constexpr int source_channel(int channel) const { return bgr ? 2 - channel : channel; }

  FRCNN_PER_BUILD friend constexpr bool operator==(pixel_normalisation const& a, pixel_normalisation const& b) {
    for (int c = 0; c < 3; ++c)
      if (a.mean[c] != b.mean[c] || a.deviation[c] != b.deviation[c]) return false;
    return a.bgr == b.bgr && a.range == b.range;
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
