#pragma once
// Mean and deviation of each channel of a data set's pixels, and the normalisation of a network that is to read them.
//
//   pixel_statistics const s = measure_pixels(data, 5, threads, progress);
//   config.normalisation = normalised_by(config.normalisation, s, 16);      that of 5 channels; 16: its pixel_layout's bits
//
// Values are parts of what the bits hold: v / 255 of 8 bits, v / 65535 of 16, as the network's input has them. So files of both may be in
// one data set where they mean the same light: 128 of 8 bits is 32896 of 16. All pixels of all images count alike, as they are in the
// files: before resizing. The result is a function of the data alone, whatever the threads and the processes that share it: sums within an
// image are exact, and images are added in their order.
// Throws what decoding throws, and where an image has other channels.
//
// Example: one grey image 0, 0, 255, 255: mean .5, deviation .5
// Sources: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979); the deviation is
// that of the population, numpy.std's.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/core/pixels.hpp"
#include "frcnn/data/batch_share.hpp"
#include "frcnn/data/load_image.hpp"

#include <array>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct pixel_statistics {
  int channels = 3;
  double pixels = 0;
  std::array<double, most_channels> mean{}, deviation{};  // as the image lies: red first
};

// Of several processes that measure the same data.
struct measuring_share {
  batch_share images{};                          // which this one reads
  std::function<void(std::span<double>)> sum{};  // values[i] becomes its sum over all of them; all call it
};

namespace detail {

struct channel_moments {
  double pixels = 0;
  std::array<double, most_channels> mean{}, squares{};  // of the distances from the mean
};

template <class T>
channel_moments moments_of(image_view const& v, int channels) {
  std::array<std::uint64_t, most_channels> sum{}, squares{};  // below 2^28 pixels of 16 bits: exact
  int const in_image = v.channels();
  for (int y = 0; y < v.height; ++y) {
    auto const* p = reinterpret_cast<T const*>(v.row(y));
    for (int x = 0; x < v.width; ++x, p += in_image)
      for (int c = 0; c < in_image; ++c) {
        std::uint64_t const value = p[c];
        sum[static_cast<std::size_t>(c)] += value, squares[static_cast<std::size_t>(c)] += value * value;
      }
  }
  channel_moments m{static_cast<double>(v.width) * v.height, {}, {}};
  double const most = v.bits == 16 ? 65535 : 255;
  for (int c = 0; c < channels; ++c) {
    auto const from = static_cast<std::size_t>(in_image == 1                   ? 0
                                               : v.format == pixel_format::bgr ? 2 - c
                                                                               : c),
               to = static_cast<std::size_t>(c);
    double const mean = static_cast<double>(sum[from]) / m.pixels;
    m.mean[to] = mean / most;
    m.squares[to] = std::max(0., static_cast<double>(squares[from]) - mean * static_cast<double>(sum[from])) / (most * most);
  }
  return m;
}

inline void add(channel_moments& all, channel_moments const& one) {
  if (all.pixels == 0) {  // exactly: a channel that is constant has moments of 0
    all = one;
    return;
  }
  double const pixels = all.pixels + one.pixels;
  for (std::size_t c = 0; c < all.mean.size(); ++c) {
    double const distance = one.mean[c] - all.mean[c];
    all.mean[c] += distance * one.pixels / pixels;
    all.squares[c] += one.squares[c] + distance * distance * all.pixels * one.pixels / pixels;
  }
  all.pixels = pixels;
}

// Those of other processes' images, which are 0 here: a number and zeros have an exact sum.
inline void gather(std::span<channel_moments> of_image, std::size_t channels, measuring_share const& share) {
  std::size_t const each = 1 + 2 * channels;
  std::vector<double> values(of_image.size() * each);
  auto const for_each_value = [&](auto f) {
    double* at = values.data();
    for (channel_moments& m : of_image) {
      f(m.pixels, *at++);
      for (std::size_t c = 0; c < channels; ++c) f(m.mean[c], *at++), f(m.squares[c], *at++);
    }
  };
  for_each_value([](double own, double& value) { value = own; });
  share.sum(values);
  for_each_value([](double& own, double value) { own = value; });
}

}  // namespace detail

// channels: that the network reads; of three a grey image has them alike. threads: 0: as many as there are cores. progress: images done, of
// this process's, and of how many; one call at a time, from any thread. It may throw, to leave.
template <DataSource Source>
pixel_statistics measure_pixels(Source const& data, int channels, int threads = 0,
                                std::function<void(std::size_t, std::size_t)> const& progress = {}, measuring_share const& share = {}) {
  check_pixel_layout(channels, 8);
  std::vector<detail::channel_moments> of_image(data.size());
  std::size_t const ours = share.images.count(of_image.size());
  turn_counter done(progress, ours);
  for_each_in_parallel(ours, threads, [&](std::size_t k) {
    std::size_t const i = share.images.index(k);
    detail::with_pixels(data, i, [&](image_view const& v) {
      try {
        check(v);
        check_channels(v, channels);
      } catch (error const& e) {
        throw e.in(name_of(data, i));
      }
      of_image[i] = v.bits == 16 ? detail::moments_of<std::uint16_t>(v, channels) : detail::moments_of<std::uint8_t>(v, channels);
    });
    done.add();
  });
  if (share.images.processes > 1) detail::gather(of_image, static_cast<std::size_t>(channels), share);
  detail::channel_moments all;
  for (auto const& one : of_image) detail::add(all, one);
  if (all.pixels == 0) throw error("pixel statistics", "at least one image", "none");
  pixel_statistics result{channels, all.pixels, all.mean, {}};
  for (std::size_t c = 0; c < all.mean.size(); ++c) result.deviation[c] = std::sqrt(all.squares[c] / all.pixels);
  return result;
}

// Pixels of these statistics get the mean 0, and the spread that the preset's normalisation gives to photographs: 1 of torchvision's
// presets, 58 of the authors', which subtract means from values up to 255 and divide by nothing. So weights that were trained with it see
// what they know. The order of three channels stays the preset's. A channel that is constant has nothing to tell: it is not divided.
inline pixel_normalisation normalised_by(pixel_normalisation const& preset, pixel_statistics const& s, int bits) {
  double const spread = preset.deviation_of_photographs();
  pixel_normalisation n = preset;
  n.channels = s.channels, n.bgr = preset.bgr && s.channels == 3;
  n.bits = bits == pixel_layout::of(s.channels).bits ? 0 : bits;
  for (int c = 0; c < s.channels; ++c) {
    auto const from = static_cast<std::size_t>(n.source_channel(c));
    n.mean[c] = s.mean[from] * n.range;
    n.deviation[c] = s.deviation[from] > 0 ? s.deviation[from] * n.range / spread : 1;
  }
  return n;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
