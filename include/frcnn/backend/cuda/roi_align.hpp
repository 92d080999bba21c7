#pragma once
// ops::roi_align of the CUDA backend: a thread for each element of a bin; gradients as pooled_regions.hpp says.
#include "frcnn/backend/cuda/pooled_regions.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A RoI on its map.
template <class T>
struct aligned_region {
  sampled_axis<T> y, x;
  FRCNN_HD aligned_region(box<T> const& roi, T scale, int pooled, int sampling)
      : y(roi.y1 * scale, roi.y2 * scale, pooled, sampling), x(roi.x1 * scale, roi.x2 * scale, pooled, sampling) {}
};

template <class T, int L, Backend B>
struct align_element {
  cuda_maps<T, L> in;
  cuda_rois<T, B> rois;
  int pooled, sampling, channels;
  T* out;

  FRCNN_HD void operator()(std::size_t i) const {
    bin_element const at(i, pooled * pooled, channels);
    T sum = T(0);
    if (rois.is_live(at.row)) {
      int const l = rois.template level_among<L>(at.row), image = at.row / rois.per_image(), py = at.bin / pooled, px = at.bin % pooled;
      shape<4> const& dims = in.dims[l];
      aligned_region<T> const region(rois.roi(at.row), in.scale[l], pooled, sampling);
      for (int v = 0; v < sampling; ++v) {
        bilinear_sample<T> const down(region.y.at(py, v), dims[2]);
        for (int u = 0; u < sampling; ++u) {
          bilinear_sample<T> const right(region.x.at(px, u), dims[3]);
          if (!down.counts || !right.counts) continue;
          // A cell of no weight is not read: no foreign NaN comes in.
          auto const along = [&](int y) {
            auto const cell = [&](int x) { return in.data[l][index_of(image, y, x, at.channel, dims)]; };
            return right.part > T(0) ? (T(1) - right.part) * cell(right.below) + right.part * cell(right.above) : cell(right.below);
          };
          sum += down.part > T(0) ? (T(1) - down.part) * along(down.below) + down.part * along(down.above) : along(down.below);
        }
      }
    }
    out[i] = sum / static_cast<T>(sampling * sampling);
  }
};

template <class T, int L, Backend B>
struct align_gradient {
  cuda_rois<T, B> rois;
  T scale[L];
  int pooled, sampling, channels;
  T const* dout;
  int level = 0;

  FRCNN_HD bool touches(int row, shape<4> const& dims, int y, int x) const {
    aligned_region<T> const region(rois.roi(row), scale[level], pooled, sampling);
    return touches(region.y, y, dims[2]) && touches(region.x, x, dims[3]);
  }
  FRCNN_HD void gradient(T& sum, int row, shape<4> const& dims, int y, int x, int channel) const {
    aligned_region<T> const region(rois.roi(row), scale[level], pooled, sampling);
    bins_near const rows = bins(region.y, y, dims[2]), columns = bins(region.x, x, dims[3]);
    for (int py = rows.first; py <= rows.last; ++py) {
      T const down = weight(region.y, py, y, dims[2]);
      if (!(down > T(0))) continue;
      for (int px = columns.first; px <= columns.last; ++px) {
        T const right = weight(region.x, px, x, dims[3]);
        if (right > T(0)) sum += down * right * dout[bin_element::index(row, py * pooled + px, channel, pooled * pooled, channels)];
      }
    }
  }

 private:
  FRCNN_HD bool touches(sampled_axis<T> const& axis, int cell, int extent) const {
    T const first = axis.at(0, 0), last = axis.at(pooled - 1, sampling - 1);
    return (T(cell) < last + T(1) || cell == extent - 1) && (T(cell) > first - T(1) || cell == 0) && first <= T(extent) && last >= T(-1);
  }
  // Samples beyond the border are clamped to it.
  FRCNN_HD bins_near bins(sampled_axis<T> const& axis, int cell, int extent) const {
    bins_near touched(cell, axis.low, axis.bin, pooled);
    if (cell == 0) touched.first = 0;
    if (cell == extent - 1) touched.last = pooled - 1;
    return touched;
  }
  FRCNN_HD T weight(sampled_axis<T> const& axis, int p, int cell, int extent) const {
    T sum = T(0);
    for (int s = 0; s < sampling; ++s) sum += bilinear_sample<T>(axis.at(p, s), extent).on(cell);
    return sum / T(sampling);
  }
};

template <class T, int L, Backend B>
struct align_corners {
  cuda_maps<T, L> in;
  cuda_rois<T, B> rois;
  int pooled, sampling, channels;
  T const* dout;

  FRCNN_HD void gradient(box<T>& d, int row, int channel) const {
    int const l = rois.template level_among<L>(row), image = row / rois.per_image();
    shape<4> const& dims = in.dims[l];
    T const scale = in.scale[l], share = T(1) / static_cast<T>(sampling * sampling);
    aligned_region<T> const region(rois.roi(row), scale, pooled, sampling);
    auto const cell = [&](int y, int x) { return in.data[l][index_of(image, y, x, channel, dims)]; };
    for (int bin = 0; bin < pooled * pooled; ++bin) {
      int const py = bin / pooled, px = bin % pooled;
      T const g = dout[bin_element::index(row, bin, channel, pooled * pooled, channels)] * share;
      for (int sy = 0; sy < sampling; ++sy)
        for (int sx = 0; sx < sampling; ++sx) {
          bilinear_sample<T> const v(region.y.low + region.y.along(py, sy) * region.y.side, dims[2]);
          bilinear_sample<T> const u(region.x.low + region.x.along(px, sx) * region.x.side, dims[3]);
          if (!v.counts || !u.counts) continue;
          T const a = cell(v.below, u.below), b = cell(v.below, u.above), e = cell(v.above, u.below), f = cell(v.above, u.above);
          T const down = (T(1) - u.part) * (e - a) + u.part * (f - b), right = (T(1) - v.part) * (b - a) + v.part * (f - e);
          if (v.moves) region.y.give(g * down, py, sy, scale, d.y1, d.y2);
          if (u.moves) region.x.give(g * right, px, sx, scale, d.x1, d.x2);
        }
    }
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct roi_align<B> {
  using levels_type = view<std::int32_t const, 2, B>;

  template <Real T, int L>
  static void forward(typename B::context& c, roi_spec<L> const& spec, maps<T, L, B> const& in,
                      std::type_identity_t<counted<box<T> const, 2, B>> rois, levels_type level,
                      frcnn::detail::cuda_regions<std::type_identity_t<T>, B> out) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    FRCNN_ASSERT(out.rows == rows.rows() && out.bins == spec.pooled * spec.pooled && spec.sampling > 0);
    typename B::context::frame const scope(c);
    T* const bins = out.bins_to_write(c);
    exec<B>::for_each(c, out.size(),
                      frcnn::detail::align_element<T, L, B>{{in, spec}, rows, spec.pooled, spec.sampling, out.channels, bins});
    out.finish(c, bins);
  }

  template <Real T, int L>
  static void backward(typename B::context& c, roi_spec<L> const& spec, frcnn::detail::cuda_regions<std::type_identity_t<T const>, B> dout,
                       std::type_identity_t<counted<box<T> const, 2, B>> rois, levels_type level, maps<T, L, B> const& dmaps, writing how) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    typename B::context::frame const scope(c);
    frcnn::detail::align_gradient<T, L, B> rule{rows, {}, spec.pooled, spec.sampling, dout.channels, dout.bins_to_read(c)};
    for (int l = 0; l < L; ++l) rule.scale[l] = static_cast<T>(spec.scale[l]);
    frcnn::detail::gather_gradients<T, L, B>(c, dmaps, rows, how, rule);
  }

  template <Real T, int L>
  static void backward_rois(typename B::context& c, roi_spec<L> const& spec, maps<T, L, B> const& in,
                            frcnn::detail::cuda_regions<std::type_identity_t<T const>, B> dout,
                            std::type_identity_t<counted<box<T> const, 2, B>> rois, levels_type level,
                            std::type_identity_t<view<box<T>, 2, B>> drois) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    FRCNN_ASSERT(dout.rows == rows.rows() && drois.dims == rois.rows.dims);
    typename B::context::frame const scope(c);
    using rule = frcnn::detail::align_corners<T, L, B>;
    launch(c, static_cast<std::size_t>(rows.rows()),
           frcnn::detail::sum_of_corners<T, B, rule>{
               rule{{in, spec}, rows, spec.pooled, spec.sampling, dout.channels, dout.bins_to_read(c)}, rows, drois.data, dout.channels});
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
