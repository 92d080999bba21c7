#pragma once
// Poolers: regions of the maps to features of one size, and the gradient's way back. A RoIHead is given one as a part.
//
//   maps level[l] = [N, C, Hl, Wl];  rois [N, R]
//   out, in either form:   rows [N*R, C*P*P] (channel by channel, bins row-major), for a fully connected layer
//                          an activation [N*R, C, P, P] = pooler.map_shape(N*R), for a convolution (a head that shares conv5)
//   pooler.width()                    C*P*P
//   pooler.forward(c, maps, rois, out)          pooler.forward(c, maps, rois, out, tape)
//   pooler.backward(c, tape, dout, dmaps, how)  to the maps; levels of dmaps without memory are not wanted
//   pooler.backward_rois(c, tape, dout, drois)  drois [N, R]: d/d(corners) of each RoI, set; RoIPool's is 0, it rounds corners to cells
// With several levels each RoI reads one, by its size (Feature Pyramid Networks, eq. 1).
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/roi_features.hpp"

#include <array>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

// How a region becomes a row: bins along a side, and samples of RoIAlign along a side of a bin.
struct pooling_options {
  int pooled = 7, sampling = 2;

  // For a model file's spec (detector/spec.hpp).
  template <class Spec>
  void describe(Spec& spec) {
    spec.whole("pooled", pooled, 1, 64);
    spec.whole("sampling", sampling, 1, 64);
  }
};

namespace detail {
template <class Rules, Real T, Backend B>
struct assign_level {
  counted<box<T> const, 2, B> rois;
  int lowest, highest;
  view<std::int32_t, 2, B> level;
  FRCNN_HD void operator()(std::size_t i) const { level.data[i] = Rules::map_level(rois.rows.data[i], lowest, highest); }
};
}  // namespace detail

enum class pooling { align, max };

// Both poolers: which level each RoI reads, and the op.
template <class F, class Rules, pooling Kind>
class pooler {
 public:
  using scalar = typename F::scalar;
  using device = typename F::device;
  using rules = Rules;
  static constexpr int levels = F::levels, channels = F::channels;

 private:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using maps_type = maps<T, levels, B>;
  using rois_type = counted<box<T> const, 2, B>;

 public:
  struct tape {
    maps_type maps{};
    rois_type rois{};
    view<std::int32_t const, 2, B> level{};
    view<std::int32_t, 3, B> argmax{};  // of RoIPool
    buffer<std::int32_t, B> level_memory, argmax_memory;
  };

  int pooled() const { return spec_.pooled; }
  int width() const { return channels * spec_.pooled * spec_.pooled; }
  shape<4> map_shape(int rows) const { return {{rows, channels, spec_.pooled, spec_.pooled}}; }

  void forward(context& c, maps_type const& f, rois_type rois, view<T, 2, B> out) const { infer(c, f, rois, bins(out)); }
  void forward(context& c, maps_type const& f, rois_type rois, activation<T, B> const& out) const { infer(c, f, rois, out); }
  void forward(context& c, maps_type const& f, rois_type rois, view<T, 2, B> out, tape& t) const { train(c, f, rois, bins(out), t); }
  void forward(context& c, maps_type const& f, rois_type rois, activation<T, B> const& out, tape& t) const { train(c, f, rois, out, t); }
  void backward(context& c, tape& t, view<T const, 2, B> dout, maps_type& df, writing how) const { back(c, t, bins(dout), df, how); }
  void backward(context& c, tape& t, activation<T, B> const& dout, maps_type& df, writing how) const { back(c, t, dout, df, how); }
  void backward_rois(context& c, tape& t, view<T const, 2, B> dout, view<box<T>, 2, B> drois) const { to_rois(c, t, bins(dout), drois); }
  void backward_rois(context& c, tape& t, activation<T, B> const& dout, view<box<T>, 2, B> drois) const { to_rois(c, t, dout, drois); }

 protected:
  // strides: input pixels per map pixel, one a level.
  pooler(int pooled, int sampling, std::array<int, levels> strides) {
    spec_.pooled = pooled;
    spec_.sampling = sampling;
    spec_.end_offset = Rules::roi_pool_end_offset;
    for (int l = 0; l < levels; ++l) spec_.scale[l] = 1.0 / strides[l];
    for (lowest_ = 0; (1 << lowest_) < strides[0];) ++lowest_;
  }

 private:
  // [N*R, C, P*P]
  template <class U>
  view<U, 3, B> bins(view<U, 2, B> rows) const {
    return {rows.data, {{rows.dims[0], channels, spec_.pooled * spec_.pooled}}};
  }

  // Empty with one level. `memory`: where it lives; from the arena when null.
  view<std::int32_t const, 2, B> level_of(context& c, rois_type rois, buffer<std::int32_t, B>* memory) const {
    if constexpr (levels == 1) {
      return {};
    } else {
      auto level = memory ? memory->shaped(c, rois.rows.dims) : scratch<std::int32_t, B>(c, rois.rows.dims);
      exec<B>::for_each(c, level.size(), detail::assign_level<Rules, T, B>{rois, lowest_, lowest_ + levels - 1, level});
      return level;
    }
  }

  template <class Out>
  void infer(context& c, maps_type const& f, rois_type rois, Out const& out) const {
    typename context::frame scope(c);
    auto const level = level_of(c, rois, nullptr);
    if constexpr (Kind == pooling::align) ops::roi_align<B>::forward(c, spec_, f, rois, level, out);
    else ops::roi_pool<B>::forward(c, spec_, f, rois, level, out, view<std::int32_t, 3, B>{});
  }
  template <class Out>
  void train(context& c, maps_type const& f, rois_type rois, Out const& out, tape& t) const {
    t.maps = f;
    t.rois = rois;
    t.level = level_of(c, rois, &t.level_memory);
    if constexpr (Kind == pooling::align) {
      ops::roi_align<B>::forward(c, spec_, f, rois, t.level, out);
    } else {
      t.argmax = t.argmax_memory.shaped(c, shape<3>{{out.dims[0], spec_.pooled * spec_.pooled, channels}});
      ops::roi_pool<B>::forward(c, spec_, f, rois, t.level, out, t.argmax);
    }
  }
  template <class Out>
  void to_rois(context& c, tape& t, Out const& dout, view<box<T>, 2, B> drois) const {
    if constexpr (Kind == pooling::align) ops::roi_align<B>::backward_rois(c, spec_, t.maps, dout, t.rois, t.level, drois);
    else ops::clear<B>(c, drois.data, drois.size());
  }
  template <class Out>
  void back(context& c, tape& t, Out const& dout, maps_type& df, writing how) const {
    if constexpr (Kind == pooling::align) ops::roi_align<B>::backward(c, spec_, dout, t.rois, t.level, df, how);
    else ops::roi_pool<B>::backward(c, spec_, dout, view<std::int32_t const, 3, B>(t.argmax), t.rois, t.level, df, how);
  }

  roi_spec<levels> spec_;
  int lowest_ = 0;  // log2 of the first stride
};

// RoIAlign (He et al. 2017, as torchvision has it: aligned = false).
template <class F, class Rules>
class align_pooler : public pooler<F, Rules, pooling::align> {
  using base = pooler<F, Rules, pooling::align>;

 public:
  static constexpr char const* name = "RoIAlign";

  explicit align_pooler(std::array<int, F::levels> strides, pooling_options o = {}) : base(o.pooled, o.sampling, strides) {}
  align_pooler(std::array<int, F::levels> strides, int pooled, int sampling = 2) : base(pooled, sampling, strides) {}
};

// RoI max pooling (Fast R-CNN, section 2.1).
template <class F, class Rules>
class max_pooler : public pooler<F, Rules, pooling::max> {
  using base = pooler<F, Rules, pooling::max>;

 public:
  static constexpr char const* name = "RoIPool";

  explicit max_pooler(std::array<int, F::levels> strides, pooling_options o = {}) : base(o.pooled, 1, strides) {}
  max_pooler(std::array<int, F::levels> strides, int pooled) : base(pooled, 1, strides) {}
};

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
