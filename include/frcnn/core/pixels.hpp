#pragma once
// How pixels become the numbers that a network reads. Run-time data, not a convention: it comes with the weights and lies in the model
// file, and with it how many channels the network reads.
//
//   y = (x * range / largest - mean[c]) / deviation[c],  x in [0, largest], 255 of 8 bits and 65535 of 16
//
// Channels are in the network's order: of three, bgr or rgb; of any other number, as they lie in the image.
// Example: imagenet(), x = 255, channel 0 (red): (1 - .485) / .229 = 2.2489; caffe(), x = 255, channel 0 (blue): 255 - 102.9801 = 152.0199
// Normalising comes before resizing and padding in both releases: padding is zero in y.
#include "frcnn/config.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// Of an image, and so of what a network reads.
inline constexpr int most_channels = 16;

// What files are decoded to (data/image_io.hpp).
struct pixel_layout {
  int channels = 3;  // 3: RGB, of grey files too; otherwise as many as the file has
  int bits = 8;      // 8: of 16 bits the high byte; 16: as stored, so that files of 8 bits stay as they are

  // 3 channels have 8 bits, others are as stored.
  FRCNN_PER_BUILD static constexpr pixel_layout of(int channels) { return {channels, channels == 3 ? 8 : 16}; }
  FRCNN_PER_BUILD friend constexpr bool operator==(pixel_layout const&, pixel_layout const&) = default;
};

struct pixel_normalisation {
  bool bgr = false;  // order of the channels that the network reads, where they are three
  double range = 1;  // pixels run from 0 to this
  double mean[most_channels] = {};
  double deviation[most_channels] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  int channels = 3;  // 1 to 16; means and deviations beyond are not used
  int bits = 0;      // of files: as pixel_layout's; 0: as pixel_layout::of has it. Pixels that a program hands over are taken as they are

  FRCNN_PER_BUILD constexpr pixel_layout layout() const { return {channels, bits ? bits : pixel_layout::of(channels).bits}; }

  // torchvision's detection models
  FRCNN_PER_BUILD static constexpr pixel_normalisation imagenet() { return {false, 1, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}; }
  // the authors' releases: BGR, 0 to 255, one mean per channel (py-faster-rcnn, PIXEL_MEANS)
  FRCNN_PER_BUILD static constexpr pixel_normalisation caffe() { return {true, 255, {102.9801, 115.9465, 122.7717}, {1, 1, 1}}; }

  // The deviation of a photograph's normalised pixels, as ImageNet has them: 1 of imagenet(), 58 of caffe().
  FRCNN_PER_BUILD constexpr double deviation_of_photographs() const {
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += imagenet().deviation[c] * range / deviation[channels == 3 ? c : 0];
    return sum / 3;
  }

  // x: 0 to `largest`; channel: in the network's order
  template <class T>
  FRCNN_PER_BUILD FRCNN_HD T operator()(T x, int channel, T largest = T(255)) const {
    return (x * T(range) / largest - T(mean[channel])) / T(deviation[channel]);
  }

  // Which of an image's channels the network's channel reads; with bgr there are three.
  FRCNN_PER_BUILD FRCNN_HD constexpr int source_channel(int channel) const { return bgr ? 2 - channel : channel; }

  FRCNN_PER_BUILD friend constexpr bool operator==(pixel_normalisation const& a, pixel_normalisation const& b) {
    for (int c = 0; c < a.channels && c < most_channels; ++c)
      if (a.mean[c] != b.mean[c] || a.deviation[c] != b.deviation[c]) return false;
    return a.bgr == b.bgr && a.range == b.range && a.channels == b.channels && a.bits == b.bits;
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
