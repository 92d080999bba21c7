#pragma once
// ops::roi_warp of the CUDA backend: a thread for each element of a bin takes its four samples; gradients as pooled_regions.hpp says.
#include "frcnn/backend/cuda/pooled_regions.hpp"
#include "frcnn/ops/roi_warp.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A RoI's ends on its map.
template <class T>
struct warped_region {
  T y1, y2, x1, x2;
  int pooled, sampling;

  FRCNN_HD warped_region(box<T> const& roi, T scale, int pooled, int sampling)
      : y1(roi.y1 * scale), y2(roi.y2 * scale), x1(roi.x1 * scale), x2(roi.x2 * scale), pooled(pooled), sampling(sampling) {}
  FRCNN_HD warp_pair<T> rows(int p, shape<4> const& dims) const { return {y1, y2, dims[2], pooled, sampling, p}; }
  FRCNN_HD warp_pair<T> columns(int p, shape<4> const& dims) const { return {x1, x2, dims[3], pooled, sampling, p}; }
};

// One channel of an image's map, zero beyond it.
template <class T>
struct channel_of_map {
  T const* data;
  shape<4> dims;
  int image, channel;
  FRCNN_HD T operator()(int y, int x) const {
    return y >= 0 && y < dims[2] && x >= 0 && x < dims[3] ? data[index_of(image, y, x, channel, dims)] : T(0);
  }
};

template <class T, int L, Backend B>
struct warp_element {
  cuda_maps<T, L> in;
  cuda_rois<T, B> rois;
  int pooled, sampling, channels;
  T* out;
  std::uint8_t* winner;  // nullptr: not wanted

  FRCNN_HD void operator()(std::size_t i) const {
    bin_element const at(i, pooled * pooled, channels);
    T best = T(0);
    int won = 0;
    if (rois.is_live(at.row)) {
      int const l = rois.template level_among<L>(at.row);
      channel_of_map<T> const map{in.data[l], in.dims[l], at.row / rois.per_image(), at.channel};
      warped_region<T> const region(rois.roi(at.row), in.scale[l], pooled, sampling);
      warp_pair<T> const y = region.rows(at.bin / pooled, map.dims), x = region.columns(at.bin % pooled, map.dims);
      T sum = T(0);
      for (int s = 0; s < 4; ++s) {
        T const v = value(map, y.of(s / 2), x.of(s % 2));
        sum += v;
        if (s == 0 || v > best) best = v, won = s;
      }
      if (is_nan(sum)) best = sum;
    }
    out[i] = best;
    if (winner) winner[i] = static_cast<std::uint8_t>(won);
  }

 private:
  using sample = typename warp_pair<T>::sample;
  FRCNN_HD static T value(channel_of_map<T> const& map, sample const& y, sample const& x) {
    auto const down = [&](int column) { return (T(1) - y.part) * map(y.cell, column) + y.part * map(y.cell + 1, column); };
    return (T(1) - x.part) * down(x.cell) + x.part * down(x.cell + 1);
  }
};

template <class T, int L, Backend B>
struct warp_gradient {
  cuda_rois<T, B> rois;
  T scale[L];
  int pooled, sampling, channels;
  T const* dout;
  std::uint8_t const* winner;
  int level = 0;

  FRCNN_HD bool touches(int row, shape<4> const& /*dims*/, int y, int x) const {
    warped_region<T> const region(rois.roi(row), scale[level], pooled, sampling);
    return touches(region.y1, region.y2, y) && touches(region.x1, region.x2, x);
  }
  FRCNN_HD void gradient(T& sum, int row, shape<4> const& dims, int y, int x, int channel) const {
    warped_region<T> const region(rois.roi(row), scale[level], pooled, sampling);
    bins_near const rows(y, region.y1, (region.y2 - region.y1) / T(pooled), pooled);
    bins_near const columns(x, region.x1, (region.x2 - region.x1) / T(pooled), pooled);
    for (int py = rows.first; py <= rows.last; ++py) {
      warp_pair<T> const down = region.rows(py, dims);
      if (!(down.of(0).on(y) > T(0) || down.of(1).on(y) > T(0))) continue;
      for (int px = columns.first; px <= columns.last; ++px) {
        warp_pair<T> const right = region.columns(px, dims);
        std::size_t const i = bin_element::index(row, py * pooled + px, channel, pooled * pooled, channels);
        int const won = winner[i];
        T const weight = down.of(won / 2).on(y) * right.of(won % 2).on(x);
        if (weight > T(0)) sum += weight * dout[i];
      }
    }
  }

 private:
  FRCNN_HD static bool touches(T low, T high, int cell) {
    T const least = low < high ? low : high, most = low < high ? high : low;
    return T(cell) > least - T(1) && T(cell) < most + T(1);
  }
};

template <class T, int L, Backend B>
struct warp_corners {
  cuda_maps<T, L> in;
  cuda_rois<T, B> rois;
  int pooled, sampling, channels;
  T const* dout;
  std::uint8_t const* winner;

  FRCNN_HD void gradient(box<T>& d, int row, int channel) const {
    int const l = rois.template level_among<L>(row);
    channel_of_map<T> const map{in.data[l], in.dims[l], row / rois.per_image(), channel};
    warped_region<T> const region(rois.roi(row), in.scale[l], pooled, sampling);
    for (int bin = 0; bin < pooled * pooled; ++bin) {
      std::size_t const i = bin_element::index(row, bin, channel, pooled * pooled, channels);
      auto const y = region.rows(bin / pooled, map.dims).of(winner[i] / 2), x = region.columns(bin % pooled, map.dims).of(winner[i] % 2);
      T const a = map(y.cell, x.cell), b = map(y.cell, x.cell + 1), e = map(y.cell + 1, x.cell), f = map(y.cell + 1, x.cell + 1);
      T const by_y = dout[i] * in.scale[l] * ((T(1) - x.part) * (e - a) + x.part * (f - b));
      T const by_x = dout[i] * in.scale[l] * ((T(1) - y.part) * (b - a) + y.part * (f - e));
      d.x1 += by_x * (T(1) - x.along);
      d.x2 += by_x * x.along;
      d.y1 += by_y * (T(1) - y.along);
      d.y2 += by_y * y.along;
    }
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct roi_warp<B> {
  template <Real T, int L>
  static void forward(typename B::context& c, roi_spec<L> const& spec, maps<T, L, B> const& in,
                      std::type_identity_t<counted<box<T> const, 2, B>> rois, view<std::int32_t const, 2, B> level,
                      frcnn::detail::cuda_regions<std::type_identity_t<T>, B> out, view<std::uint8_t, 3, B> winner) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    check(spec, rows, out, winner);
    typename B::context::frame const scope(c);
    T* const bins = out.bins_to_write(c);
    exec<B>::for_each(c, out.size(),
                      frcnn::detail::warp_element<T, L, B>{{in, spec}, rows, spec.pooled, spec.sampling, out.channels, bins, winner.data});
    out.finish(c, bins);
  }

  template <Real T, int L>
  static void backward(typename B::context& c, roi_spec<L> const& spec, frcnn::detail::cuda_regions<std::type_identity_t<T const>, B> dout,
                       view<std::uint8_t const, 3, B> winner, std::type_identity_t<counted<box<T> const, 2, B>> rois,
                       view<std::int32_t const, 2, B> level, maps<T, L, B> const& dmaps, writing how) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    check(spec, rows, dout, winner);
    typename B::context::frame const scope(c);
    frcnn::detail::warp_gradient<T, L, B> rule{rows, {}, spec.pooled, spec.sampling, dout.channels, dout.bins_to_read(c), winner.data};
    for (int l = 0; l < L; ++l) rule.scale[l] = static_cast<T>(spec.scale[l]);
    frcnn::detail::gather_gradients<T, L, B>(c, dmaps, rows, how, rule);
  }

  template <Real T, int L>
  static void backward_rois(typename B::context& c, roi_spec<L> const& spec, maps<T, L, B> const& in,
                            frcnn::detail::cuda_regions<std::type_identity_t<T const>, B> dout, view<std::uint8_t const, 3, B> winner,
                            std::type_identity_t<counted<box<T> const, 2, B>> rois, view<std::int32_t const, 2, B> level,
                            std::type_identity_t<view<box<T>, 2, B>> drois) {
    frcnn::detail::cuda_rois<T, B> const rows{rois, level};
    check(spec, rows, dout, winner);
    FRCNN_ASSERT(drois.dims == rois.rows.dims);
    typename B::context::frame const scope(c);
    using rule = frcnn::detail::warp_corners<T, L, B>;
    launch(c, static_cast<std::size_t>(rows.rows()),
           frcnn::detail::sum_of_corners<T, B, rule>{
               rule{{in, spec}, rows, spec.pooled, spec.sampling, dout.channels, dout.bins_to_read(c), winner.data}, rows, drois.data,
               dout.channels});
  }

 private:
  template <int L, class Rows, class Regions, class Winner>
  static void check([[maybe_unused]] roi_spec<L> const& spec, [[maybe_unused]] Rows const& rows, [[maybe_unused]] Regions const& out,
                    [[maybe_unused]] Winner const& winner) {
    FRCNN_ASSERT(out.rows == rows.rows() && out.bins == spec.pooled * spec.pooled);
    FRCNN_ASSERT((spec.sampling == 1 || spec.sampling == 2) && (!winner || winner.size() == out.size()));
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
