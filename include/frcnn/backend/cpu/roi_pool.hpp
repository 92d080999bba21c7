#pragma once
// ops::roi_pool on the CPU: the maximum of each bin, all channels of a cell at once, and which cell it was. Plain rows are transposed to or
// from bins in the worker's scratch.
//
// Forward takes RoIs in parallel; backward as pooled_regions.hpp says.
#include "frcnn/backend/cpu/pooled_regions.hpp"
#include "frcnn/backend/cpu/running_max.hpp"
#include "frcnn/ops/region_samples.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct roi_pool<cpu> {
  template <Real T, int L>
  static void forward(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                      std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                      detail::pooled_regions<std::type_identity_t<T>> out, view<std::int32_t, 3, cpu> argmax) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    int const pooled = spec.pooled;
    std::size_t const channels = out.channels, bins = static_cast<std::size_t>(pooled) * pooled;
    std::size_t const total = rows.images() * rows.per_image(), row_size = bins * channels;
    FRCNN_ASSERT(out.rows == total && out.bins == bins);
    FRCNN_ASSERT(!argmax || argmax.size() == total * row_size);
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, total, 1)) * row_size);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        std::int32_t* winner = argmax ? argmax.data + row * row_size : nullptr;
        if (!rows.is_live(row)) {
          out.clear(row);
          if (winner) std::fill_n(winner, row_size, -1);
          continue;
        }
        T* const first = out.memory_of(row, turned + static_cast<std::size_t>(worker) * row_size);
        T* best = first;
        int const l = rows.level_of(row);
        auto const& map = in.level[l];
        box<T> const& roi = rows.roi(row);
        float const scale = static_cast<float>(spec.scale[l]), offset = static_cast<float>(spec.end_offset);
        detail::bin_axis const y{roi.y1, roi.y2, scale, offset, pooled}, x{roi.x1, roi.x2, scale, offset, pooled};
        T const* const source = detail::image_of(map, row / rows.per_image());
        for (int py = 0; py < pooled; ++py)
          for (int px = 0; px < pooled; ++px, best += channels, winner += winner ? channels : 0)
            pool_bin(source, y.begin(py, map.dims[2]), y.end(py, map.dims[2]), x.begin(px, map.dims[3]), x.end(px, map.dims[3]),
                     map.dims[3], channels, best, winner);
        out.finish(row, first);
      }
    });
  }

  template <Real T, int L>
  static void backward(cpu::context& c, roi_spec<L> const& spec, detail::pooled_regions<std::type_identity_t<T const>> dout,
                       view<std::int32_t const, 3, cpu> argmax, std::type_identity_t<counted<box<T> const, 2, cpu>> rois,
                       view<std::int32_t const, 2, cpu> level, maps<T, L, cpu> const& dmaps, writing how) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = dout.channels, bins = static_cast<std::size_t>(spec.pooled) * spec.pooled;
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(c.threads()) * bins * channels);
    detail::for_each_channel_block(
        c, dmaps, rows.images(), channels, how, [=, &dmaps](int worker, std::size_t image, std::size_t first, std::size_t count) {
          for (std::size_t r = 0; r < rows.live(image); ++r) {
            std::size_t const row = image * rows.per_image() + r;
            if (!rows.is_live(row)) continue;
            auto const& map = dmaps.level[rows.level_of(row)];
            if (!map) continue;
            T* const target = detail::image_of(map, image) + first;
            auto const some = dout.read(row, first, count, turned + static_cast<std::size_t>(worker) * bins * channels);
            T const* bin = some.bin;
            for (std::size_t b = 0; b < bins; ++b, bin += some.step) {
              std::int32_t const* const winner = argmax.data + (row * bins + b) * channels + first;
              for (std::size_t i = 0; i < count; ++i)
                if (winner[i] >= 0) target[static_cast<std::size_t>(winner[i]) * channels + i] += bin[i];
            }
          }
        });
  }

 private:
  // The first maximum in row-major order; a NaN wins, and stays: the loss must see it.
  template <class T>
  static void pool_bin(T const* source, int y0, int y1, int x0, int x1, int width, std::size_t channels, T* best, std::int32_t* winner) {
    if (y1 <= y0 || x1 <= x0) {
      std::fill_n(best, channels, T(0));
      if (winner) std::fill_n(winner, channels, -1);
      return;
    }
    std::copy_n(source + (static_cast<std::size_t>(y0) * width + x0) * channels, channels, best);
    if (winner) std::fill_n(winner, channels, y0 * width + x0);
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x) detail::take_better(source, y * width + x, channels, best, winner);
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
