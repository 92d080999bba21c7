#pragma once
// Poolers: regions of the maps to rows of fixed length, and the gradient's way back. A RoIHead is given one as a part.
//
//   maps level[l] = [N, C, Hl, Wl];  rois [N, R];  out [N*R, C*P*P] (channel by channel, bins row-major)
//   pooler.width()                    C*P*P
//   pooler.forward(c, maps, rois, out)          pooler.forward(c, maps, rois, out, tape)
//   pooler.backward(c, tape, dout, dmaps, how)  the RoIs are constants
// With several levels each RoI reads one, by its size (Feature Pyramid Networks, eq. 1).
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/geometry/conventions.hpp"
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

// What both poolers share: the spec, and which level each RoI reads.
template <class F, class Rules>
class pooler_base {
 public:
  using scalar = typename F::scalar;
  using device = typename F::device;
  static constexpr int levels = F::levels, channels = F::channels;

  // strides: input pixels per map pixel, one a level.
  pooler_base(int pooled, int sampling, std::array<int, levels> strides) {
    spec_.pooled = pooled;
    spec_.sampling = sampling;
    spec_.end_offset = Rules::roi_pool_end_offset;
    for (int l = 0; l < levels; ++l) spec_.scale[l] = 1.0 / strides[l];
    for (lowest_ = 0; (1 << lowest_) < strides[0];) ++lowest_;
  }

  int pooled() const { return spec_.pooled; }
  int width() const { return channels * spec_.pooled * spec_.pooled; }

 protected:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using rois_type = counted<box<T> const, 2, B>;

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
      auto level = memory ? memory->shaped(rois.rows.dims) : scratch<std::int32_t, B>(c, rois.rows.dims);
      exec<B>::for_each(c, level.size(), detail::assign_level<Rules, T, B>{rois, lowest_, lowest_ + levels - 1, level});
      return level;
    }
  }

  roi_spec<levels> spec_;
  int lowest_ = 0;  // log2 of the first stride
};

// RoIAlign (He et al. 2017, as torchvision has it: aligned = false).
template <class F, class Rules>
class align_pooler : public pooler_base<F, Rules> {
  using base = pooler_base<F, Rules>;
  using typename base::B, typename base::T, typename base::context, typename base::rois_type;

 public:
  struct tape {
    rois_type rois{};
    view<std::int32_t const, 2, B> level{};
    buffer<std::int32_t, B> level_memory;
  };
  static constexpr char const* name = "RoIAlign";

  explicit align_pooler(std::array<int, base::levels> strides, pooling_options o = {}) : base(o.pooled, o.sampling, strides) {}
  align_pooler(std::array<int, base::levels> strides, int pooled, int sampling = 2) : base(pooled, sampling, strides) {}

  void forward(context& c, maps<T, base::levels, B> const& f, rois_type rois, view<T, 2, B> out) const {
    typename context::frame scope(c);
    ops::roi_align<B>::forward(c, this->spec_, f, rois, this->level_of(c, rois, nullptr), this->bins(out));
  }
  void forward(context& c, maps<T, base::levels, B> const& f, rois_type rois, view<T, 2, B> out, tape& t) const {
    t.rois = rois;
    t.level = this->level_of(c, rois, &t.level_memory);
    ops::roi_align<B>::forward(c, this->spec_, f, rois, t.level, this->bins(out));
  }
  void backward(context& c, tape& t, view<T const, 2, B> dout, maps<T, base::levels, B>& df, writing how) const {
    ops::roi_align<B>::backward(c, this->spec_, this->bins(dout), t.rois, t.level, df, how);
  }
};

// RoI max pooling (Fast R-CNN, section 2.1).
template <class F, class Rules>
class max_pooler : public pooler_base<F, Rules> {
  using base = pooler_base<F, Rules>;
  using typename base::B, typename base::T, typename base::context, typename base::rois_type;

 public:
  struct tape {
    rois_type rois{};
    view<std::int32_t const, 2, B> level{};
    view<std::int32_t, 3, B> argmax{};
    buffer<std::int32_t, B> level_memory, argmax_memory;
  };
  static constexpr char const* name = "RoIPool";

  explicit max_pooler(std::array<int, base::levels> strides, pooling_options o = {}) : base(o.pooled, 1, strides) {}
  max_pooler(std::array<int, base::levels> strides, int pooled) : base(pooled, 1, strides) {}

  void forward(context& c, maps<T, base::levels, B> const& f, rois_type rois, view<T, 2, B> out) const {
    typename context::frame scope(c);
    ops::roi_pool<B>::forward(c, this->spec_, f, rois, this->level_of(c, rois, nullptr), this->bins(out), view<std::int32_t, 3, B>{});
  }
  void forward(context& c, maps<T, base::levels, B> const& f, rois_type rois, view<T, 2, B> out, tape& t) const {
    t.rois = rois;
    t.level = this->level_of(c, rois, &t.level_memory);
    t.argmax = t.argmax_memory.shaped(shape<3>{{out.dims[0], this->spec_.pooled * this->spec_.pooled, base::channels}});
    ops::roi_pool<B>::forward(c, this->spec_, f, rois, t.level, this->bins(out), t.argmax);
  }
  void backward(context& c, tape& t, view<T const, 2, B> dout, maps<T, base::levels, B>& df, writing how) const {
    ops::roi_pool<B>::backward(c, this->spec_, this->bins(dout), view<std::int32_t const, 3, B>(t.argmax), t.rois, t.level, df, how);
  }
};

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
