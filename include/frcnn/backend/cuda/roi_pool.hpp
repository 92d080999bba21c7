#pragma once
// ops::roi_pool of the CUDA backend: a thread for each element of a bin. Backward asks the bins over a cell whether it won them, and is
// gathered as pooled_regions.hpp says.
#include "frcnn/backend/cuda/pooled_regions.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A RoI on its map.
struct binned_region {
  bin_axis y, x;
  template <class T>
  FRCNN_HD binned_region(box<T> const& roi, float scale, float end_offset, int pooled)
      : y(roi.y1, roi.y2, scale, end_offset, pooled), x(roi.x1, roi.x2, scale, end_offset, pooled) {}
};

template <class T, int L, Backend B>
struct pooled_element {
  cuda_maps<T, L> in;
  cuda_rois<T, B> rois;
  float scale[L], end_offset;
  int pooled, channels;
  T* out;
  std::int32_t* argmax;  // nullptr: not wanted

  FRCNN_HD void operator()(std::size_t i) const {
    bin_element const at(i, pooled * pooled, channels);
    running_max<T> best{T(0), -1};
    if (rois.is_live(at.row)) {
      int const l = rois.template level_among<L>(at.row), image = at.row / rois.per_image();
      shape<4> const& dims = in.dims[l];
      binned_region const region(rois.roi(at.row), scale[l], end_offset, pooled);
      int const py = at.bin / pooled, px = at.bin % pooled, y0 = region.y.begin(py, dims[2]), y1 = region.y.end(py, dims[2]);
      int const x0 = region.x.begin(px, dims[3]), x1 = region.x.end(px, dims[3]);
      if (y0 < y1 && x0 < x1) best = {in.data[l][index_of(image, y0, x0, at.channel, dims)], y0 * dims[3] + x0};
      for (int y = y0; y < y1; ++y)
        for (int x = x0; x < x1; ++x) best.take(in.data[l][index_of(image, y, x, at.channel, dims)], y * dims[3] + x);
    }
    out[i] = best.value;
    if (argmax) argmax[i] = best.at;
  }
};

template <class T, int L, Backend B>
struct pooled_gradient {
  cuda_rois<T, B> rois;
  float scale[L], end_offset;
  int pooled, channels;
  T const* dout;
  std::int32_t const* argmax;
  int level = 0;

  FRCNN_HD bool touches(int row, shape<4> const& dims, int y, int x) const {
    binned_region const region(rois.roi(row), scale[level], end_offset, pooled);
    return y >= region.y.begin(0, dims[2]) && y < region.y.end(pooled - 1, dims[2]) && x >= region.x.begin(0, dims[3]) &&
           x < region.x.end(pooled - 1, dims[3]);
  }
  FRCNN_HD void gradient(T& sum, int row, shape<4> const& dims, int y, int x, int channel) const {
    binned_region const region(rois.roi(row), scale[level], end_offset, pooled);
    std::int32_t const own = y * dims[3] + x;
    for (int py = 0; py < pooled; ++py) {
      if (y < region.y.begin(py, dims[2]) || y >= region.y.end(py, dims[2])) continue;
      for (int px = 0; px < pooled; ++px) {
        if (x < region.x.begin(px, dims[3]) || x >= region.x.end(px, dims[3])) continue;
        std::size_t const i = bin_element::index(row, py * pooled + px, channel, pooled * pooled, channels);
        if (argmax[i] == own) sum += dout[i];
      }
    }
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct roi_pool<B> {
  template <Real T, int L>
  static void forward(typename B::context& c, roi_spec<L> const& spec, maps<T, L, B> const& in,
                      std::type_identity_t<counted<box<T> const, 2, B>> rois, view<std::int32_t const, 2, B> level,
                      frcnn::detail::cuda_regions<std::type_identity_t<T>, B> out, view<std::int32_t, 3, B> argmax) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    FRCNN_ASSERT(out.rows == rows.rows() && out.bins == spec.pooled * spec.pooled && (!argmax || argmax.size() == out.size()));
    typename B::context::frame const scope(c);
    T* const bins = out.bins_to_write(c);
    frcnn::detail::pooled_element<T, L, B> f{{in, spec},  rows,         {},   static_cast<float>(spec.end_offset),
                                             spec.pooled, out.channels, bins, argmax.data};
    for (int l = 0; l < L; ++l) f.scale[l] = static_cast<float>(spec.scale[l]);
    exec<B>::for_each(c, out.size(), f);
    out.finish(c, bins);
  }

  template <Real T, int L>
  static void backward(typename B::context& c, roi_spec<L> const& spec, frcnn::detail::cuda_regions<std::type_identity_t<T const>, B> dout,
                       view<std::int32_t const, 3, B> argmax, std::type_identity_t<counted<box<T> const, 2, B>> rois,
                       view<std::int32_t const, 2, B> level, maps<T, L, B> const& dmaps, writing how) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    typename B::context::frame const scope(c);
    frcnn::detail::pooled_gradient<T, L, B> rule{
        rows, {}, static_cast<float>(spec.end_offset), spec.pooled, dout.channels, dout.bins_to_read(c), argmax.data};
    for (int l = 0; l < L; ++l) rule.scale[l] = static_cast<float>(spec.scale[l]);
    frcnn::detail::gather_gradients<T, L, B>(c, dmaps, rows, how, rule);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
