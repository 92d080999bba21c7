#pragma once
// Poolers: regions of the maps to features of one size, and the gradient's way back. A RoIHead is given one as a part.
//
//   maps level[l] = [N, C, Hl, Wl];  rois [N, R]
//   out, in either form:   rows [N*R, C*P*P] (channel by channel, bins row-major), for a fully connected layer
//                          an activation [N*R, C, P, P] = pooler.map_shape(N*R), for a convolution (a head that shares conv5)
//   pooler.width()                    C*P*P                 pooler.map_channels()   C
//   pooler.forward(c, maps, rois, out)          pooler.forward(c, maps, rois, out, tape)
//   pooler.backward(c, tape, dout, dmaps, how)  to the maps; levels of dmaps without memory are not wanted
//   pooler.backward_rois(c, tape, dout, drois)  drois [N, R]: d/d(corners) of each RoI, set; RoIPool's is 0, it rounds corners to cells
// kinds: RoIAlign and RoI max pooling (ops/roi_features.hpp), RoI warping (ops/roi_warp.hpp), through which a loss moves regions.
// With several levels each RoI reads one, by its size (Feature Pyramid Networks, eq. 1).
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/roi_warp.hpp"

#include <array>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

// How a region becomes a row: RoIAlign, RoI max pooling, or RoI warping. Names are those of a model file's spec.
enum class pooling : std::uint8_t { align, max, warp };
inline constexpr std::array<char const*, 3> pooling_names{"RoIAlign", "RoIPool", "RoIWarp"};

// Bins along a side, and samples along a side of a bin (of RoIAlign and of warping, which takes 1 or 2).
struct pooling_options {
  pooling kind = pooling::align;
  int pooled = 7, sampling = 2;

  // For a model file's spec (detector/spec.hpp), which has the kind as its key "pooler".
  template <class Spec>
  void describe(Spec& spec) {
    spec.whole("pooled", pooled, 1, 64);
    spec.whole("sampling", sampling, 1, 64);
    spec.require(can_sample(), "sampling", "1 or 2 where regions are warped", std::to_string(sampling));
  }
  bool can_sample() const { return kind != pooling::warp || sampling == 1 || sampling == 2; }
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

// All poolers: which level each RoI reads, and the op. Its kind is run-time data: a preset that can be trained in several ways is one type.
template <class F, class Rules>
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
    view<std::uint8_t, 3, B> winner{};  // of warping
    buffer<std::int32_t, B> level_memory, argmax_memory;
    buffer<std::uint8_t, B> winner_memory;
  };

  // strides: input pixels per map pixel, one a level. of_maps: their channels, to be said where F leaves them open. Throws error for none,
  // and for sampling that the kind has not.
  explicit pooler(std::array<int, levels> strides, pooling_options o = {}, int of_maps = channels)
      : kind_(o.kind), map_channels_(checked_channels<F>("RoI pooling", of_maps)) {
    if (!o.can_sample()) throw error("RoI warping", "1 or 2 samples along a side of a bin", std::to_string(o.sampling));
    spec_.pooled = o.pooled;
    spec_.sampling = o.sampling;
    spec_.end_offset = Rules::roi_pool_end_offset;
    for (int l = 0; l < levels; ++l) spec_.scale[l] = 1.0 / strides[l];
    for (lowest_ = 0; (1 << lowest_) < strides[0];) ++lowest_;
  }

  int pooled() const { return spec_.pooled; }
  int map_channels() const { return map_channels_; }
  int width() const { return map_channels_ * spec_.pooled * spec_.pooled; }
  shape<4> map_shape(int rows) const { return {{rows, map_channels_, spec_.pooled, spec_.pooled}}; }

  void forward(context& c, maps_type const& f, rois_type rois, view<T, 2, B> out) const { infer(c, f, rois, bins(out)); }
  void forward(context& c, maps_type const& f, rois_type rois, activation<T, B> const& out) const { infer(c, f, rois, out); }
  void forward(context& c, maps_type const& f, rois_type rois, view<T, 2, B> out, tape& t) const { train(c, f, rois, bins(out), t); }
  void forward(context& c, maps_type const& f, rois_type rois, activation<T, B> const& out, tape& t) const { train(c, f, rois, out, t); }
  void backward(context& c, tape& t, view<T const, 2, B> dout, maps_type& df, writing how) const { back(c, t, bins(dout), df, how); }
  void backward(context& c, tape& t, activation<T, B> const& dout, maps_type& df, writing how) const { back(c, t, dout, df, how); }
  void backward_rois(context& c, tape& t, view<T const, 2, B> dout, view<box<T>, 2, B> drois) const { to_rois(c, t, bins(dout), drois); }
  void backward_rois(context& c, tape& t, activation<T, B> const& dout, view<box<T>, 2, B> drois) const { to_rois(c, t, dout, drois); }

 private:
  // [N*R, C, P*P]
  template <class U>
  view<U, 3, B> bins(view<U, 2, B> rows) const {
    return {rows.data, {{rows.dims[0], map_channels_, spec_.pooled * spec_.pooled}}};
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
    if (kind_ == pooling::align) ops::roi_align<B>::forward(c, spec_, f, rois, level, out);
    else if (kind_ == pooling::warp) ops::roi_warp<B>::forward(c, spec_, f, rois, level, out, view<std::uint8_t, 3, B>{});
    else ops::roi_pool<B>::forward(c, spec_, f, rois, level, out, view<std::int32_t, 3, B>{});
  }
  template <class Out>
  void train(context& c, maps_type const& f, rois_type rois, Out const& out, tape& t) const {
    t.maps = f;
    t.rois = rois;
    t.level = level_of(c, rois, &t.level_memory);
    shape<3> const cells{{out.dims[0], spec_.pooled * spec_.pooled, map_channels_}};
    if (kind_ == pooling::align) {
      ops::roi_align<B>::forward(c, spec_, f, rois, t.level, out);
    } else if (kind_ == pooling::warp) {
      t.winner = t.winner_memory.shaped(c, cells);
      ops::roi_warp<B>::forward(c, spec_, f, rois, t.level, out, t.winner);
    } else {
      t.argmax = t.argmax_memory.shaped(c, cells);
      ops::roi_pool<B>::forward(c, spec_, f, rois, t.level, out, t.argmax);
    }
  }
  template <class Out>
  void to_rois(context& c, tape& t, Out const& dout, view<box<T>, 2, B> drois) const {
    if (kind_ == pooling::align) ops::roi_align<B>::backward_rois(c, spec_, t.maps, dout, t.rois, t.level, drois);
    else if (kind_ == pooling::warp) ops::roi_warp<B>::backward_rois(c, spec_, t.maps, dout, winners(t), t.rois, t.level, drois);
    else ops::clear<B>(c, drois.data, drois.size());
  }
  template <class Out>
  void back(context& c, tape& t, Out const& dout, maps_type& df, writing how) const {
    if (kind_ == pooling::align) ops::roi_align<B>::backward(c, spec_, dout, t.rois, t.level, df, how);
    else if (kind_ == pooling::warp) ops::roi_warp<B>::backward(c, spec_, dout, winners(t), t.rois, t.level, df, how);
    else ops::roi_pool<B>::backward(c, spec_, dout, view<std::int32_t const, 3, B>(t.argmax), t.rois, t.level, df, how);
  }
  static view<std::uint8_t const, 3, B> winners(tape const& t) { return t.winner; }

  pooling kind_;
  int map_channels_;
  roi_spec<levels> spec_;
  int lowest_ = 0;  // log2 of the first stride
};

// A pooler of one kind, whatever the options say.
template <class F, class Rules, pooling Kind>
class pooler_of : public pooler<F, Rules> {
 public:
  static constexpr char const* name = pooling_names[static_cast<std::size_t>(Kind)];

  explicit pooler_of(std::array<int, F::levels> strides, pooling_options o = {}, int of_maps = F::channels)
      : pooler<F, Rules>(strides, {Kind, o.pooled, o.sampling}, of_maps) {}
  pooler_of(std::array<int, F::levels> strides, int pooled, int sampling = 2) : pooler_of(strides, {Kind, pooled, sampling}) {}
};

// RoIAlign (He et al. 2017, as torchvision has it: aligned = false).
template <class F, class Rules>
class align_pooler : public pooler_of<F, Rules, pooling::align> {
 public:
  using pooler_of<F, Rules, pooling::align>::pooler_of;
};
// RoI max pooling (Fast R-CNN, section 2.1).
template <class F, class Rules>
class max_pooler : public pooler_of<F, Rules, pooling::max> {
 public:
  using pooler_of<F, Rules, pooling::max>::pooler_of;
};
// RoI warping (Dai et al. 2015), through which a loss moves regions.
template <class F, class Rules>
class warp_pooler : public pooler_of<F, Rules, pooling::warp> {
 public:
  using pooler_of<F, Rules, pooling::warp>::pooler_of;
};

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
