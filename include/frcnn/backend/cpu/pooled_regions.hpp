#pragma once
// What RoIAlign and RoIPool on the CPU share: the pooled regions in either form, which map a RoI reads, and how gradients of maps are cut
// into work.
//
// Backward takes images times blocks of channels in parallel, and inside a block RoIs in ascending order: each element's sum has one order
// whatever the number of threads.
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/backend/cpu/transpose.hpp"
#include "frcnn/ops/roi_features.hpp"

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Pooled regions, in either form: plain rows, channel by channel, or an activation, whose bins lie as RoIs are pooled. T const: their
// gradients.
template <class T>
struct pooled_regions {
  T* data;
  std::size_t rows, channels, bins;
  bool by_channel;

  using value = std::remove_const_t<T>;

  pooled_regions(view<T, 3, cpu> plain)
      : data(plain.data),
        rows(static_cast<std::size_t>(plain.dims[0])),
        channels(static_cast<std::size_t>(plain.dims[1])),
        bins(static_cast<std::size_t>(plain.dims[2])),
        by_channel(true) {}
  pooled_regions(view<value, 3, cpu> plain) requires(std::is_const_v<T>) : pooled_regions(view<T, 3, cpu>(plain)) {}
  pooled_regions(cpu_activation<value> const& a)
      : data(a.data),
        rows(static_cast<std::size_t>(a.dims[0])),
        channels(static_cast<std::size_t>(a.dims[1])),
        bins(static_cast<std::size_t>(a.dims[2]) * a.dims[3]),
        by_channel(false) {}

  T* row(std::size_t i) const { return data + i * channels * bins; }
  void clear(std::size_t i) const { std::fill_n(row(i), channels * bins, value(0)); }
  // Where the bins of a row are pooled, [bins, channels]: `scratch`, or the row itself. finish() brings them where they belong.
  T* memory_of(std::size_t i, T* scratch) const { return by_channel ? scratch : row(i); }
  void finish(std::size_t i, T const* pooled) const {
    if (by_channel) transpose(pooled, channels, bins, channels, row(i), bins);
  }
  // Some channels of a row, and how far its bins lie apart.
  struct strip {
    value const* bin;
    std::size_t step;
  };
  strip read(std::size_t i, std::size_t first, std::size_t count, value* scratch) const {
    if (!by_channel) return {row(i) + first, channels};
    transpose(row(i) + first * bins, bins, count, bins, scratch, count);
    return {scratch, count};
  }
};

// Which map a RoI reads, or whether it is dead: past the count, or of no level.
template <class Box>
struct roi_rows {
  counted<Box, 2, cpu> rois;
  view<std::int32_t const, 2, cpu> level;

  std::size_t images() const { return static_cast<std::size_t>(rois.rows.dims[0]); }
  std::size_t per_image() const { return static_cast<std::size_t>(rois.rows.dims[1]); }
  std::size_t live(std::size_t image) const { return static_cast<std::size_t>(std::clamp(rois.count.data[image], 0, rois.rows.dims[1])); }
  bool is_live(std::size_t row) const { return row % per_image() < live(row / per_image()) && level_of(row) >= 0; }
  Box& roi(std::size_t row) const { return rois.rows.data[row]; }
  int level_of(std::size_t row) const { return level ? level.data[row] : 0; }
};

// Work on gradients of maps, cut into images times blocks of channels: f(worker, image, first channel, number of channels).
// Blocks are whole cache lines, as many as the threads need; set clears them first.
template <class T, int L, class F>
void for_each_channel_block(cpu::context& c, maps<T, L, cpu> const& dmaps, std::size_t images, std::size_t channels, writing how, F f) {
  std::size_t const wanted = (2 * static_cast<std::size_t>(c.threads()) + images - 1) / std::max<std::size_t>(images, 1);
  std::size_t const block = std::max<std::size_t>(32, (channels / std::max<std::size_t>(wanted, 1) + 15) / 16 * 16);
  std::size_t const blocks = (channels + block - 1) / block;
  parallel_for(c, images * blocks, 1, [=, &dmaps, &f](int worker, std::size_t begin, std::size_t end) {
    for (std::size_t task = begin; task < end; ++task) {
      std::size_t const image = task / blocks, first = task % blocks * block, count = std::min(block, channels - first);
      for (auto const& map : dmaps.level) {
        if (!map || how == writing::add) continue;
        std::size_t const cells = static_cast<std::size_t>(map.dims[2]) * map.dims[3];
        for (std::size_t i = 0; i < cells; ++i) std::fill_n(map.data + (image * cells + i) * channels + first, count, T(0));
      }
      f(worker, image, first, count);
    }
  });
}

template <class T>
T* image_of(cpu_activation<T> const& map, std::size_t image) {
  return map.data + image * static_cast<std::size_t>(map.dims[2]) * map.dims[3] * map.dims[1];
}

}  // namespace frcnn::inline FRCNN_ABI::detail
FRCNN_HIDDEN_END
