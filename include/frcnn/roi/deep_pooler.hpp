#pragma once
// A pooler with layers of its own behind it, whose rows the predictors or fully connected layers read.
//
//   Pooler    one of roi/pooler.hpp
//   Layers    a network on maps: out_shape, infer, forward, backward, learns, for_each_param, as nn/conv_stack.hpp and nn/residual_stage.hpp
//   Rows      how a map [R, C, P, P] becomes rows: rows_of::cells [R, C*P*P], or rows_of::means [R, C]
// Without layers it is the pooler: heads that have some and heads that have none are one type.
//
//   deep_pooler<pooler, conv_stack, rows_of::cells>        torchvision's FastRCNNConvFCHead
//   deep_pooler<pooler, residual_stage, rows_of::means>    conv5 of ResNet, shared by all regions (He et al. 2016, appendix A)
// Functions are the pooler's, but one backward does all: to the maps, to the layers' parameters, and to the regions where drois has memory.
#include "frcnn/roi/pooler.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

enum class rows_of : std::uint8_t { cells, means };

namespace detail {
// rows[i] = the mean of `cells` numbers of plain maps.
template <Real T>
struct mean_of_cells {
  T const* plain;
  T* rows;
  int cells;
  FRCNN_HD void operator()(std::size_t i) const {
    T sum = 0;
    for (int k = 0; k < cells; ++k) sum += plain[i * static_cast<std::size_t>(cells) + static_cast<std::size_t>(k)];
    rows[i] = sum / static_cast<T>(cells);
  }
};
template <Real T>
struct spread_mean {
  T const* drows;
  T* dplain;
  int cells;
  FRCNN_HD void operator()(std::size_t i) const { dplain[i] = drows[i / static_cast<std::size_t>(cells)] / static_cast<T>(cells); }
};
}  // namespace detail

template <class Pooler, class Layers, rows_of Rows>
class deep_pooler {
 public:
  using scalar = typename Pooler::scalar;
  using device = typename Pooler::device;
  using rules = typename Pooler::rules;
  static constexpr int levels = Pooler::levels, channels = Pooler::channels;

 private:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using map = activation<T, B>;
  using matrix = view<T, 2, B>;
  using maps_type = maps<T, levels, B>;
  using rois_type = counted<box<T> const, 2, B>;

 public:
  struct tape {
    typename Pooler::tape pooler;
    typename Layers::tape layers;
    map pooled{}, out{};
    buffer<T, B> pooled_memory, out_memory;
  };

  explicit deep_pooler(Pooler pooler, std::optional<Layers> layers = {}) : pooler_(std::move(pooler)), layers_(std::move(layers)) {}

  int pooled() const { return pooler_.pooled(); }
  int map_channels() const { return pooler_.map_channels(); }
  bool learns() const { return layers_ && layers_->learns(); }
  int width() const {
    if (!layers_) return pooler_.width();
    auto const s = layers_->out_shape(pooler_.map_shape(1));
    return Rows == rows_of::cells ? s[1] * s[2] * s[3] : s[1];
  }

  void forward(context& c, maps_type const& f, rois_type rois, matrix rows) const {
    if (!layers_) return pooler_.forward(c, f, rois, rows);
    typename context::frame scope(c);
    auto const pooled = c.template make<T>(pooler_.map_shape(rows.dims[0])), out = c.template make<T>(layers_->out_shape(pooled.dims));
    pooler_.forward(c, f, rois, pooled);
    layers_->infer(c, pooled, out);
    to_rows(c, out, rows);
  }
  void forward(context& c, maps_type const& f, rois_type rois, matrix rows, tape& t) const {
    if (!layers_) return pooler_.forward(c, f, rois, rows, t.pooler);
    t.pooled = t.pooled_memory.map(c, pooler_.map_shape(rows.dims[0]));
    t.out = t.out_memory.map(c, layers_->out_shape(t.pooled.dims));
    pooler_.forward(c, f, rois, t.pooled, t.pooler);
    layers_->forward(c, t.pooled, t.out, t.layers);
    to_rows(c, t.out, rows);
  }

  // df and drois without memory are not wanted; how: of df. drois [N, R] are set.
  void backward(context& c, tape& t, matrix drows, maps_type& df, writing how, view<box<T>, 2, B> drois, writing gradients) {
    typename context::frame scope(c);
    bool const further = is_there(df) || drois.data;
    if (!layers_) {
      if (is_there(df)) pooler_.backward(c, t.pooler, drows, df, how);
      if (drois.data) pooler_.backward_rois(c, t.pooler, drows, drois);
      return;
    }
    auto const dout = c.template make<T>(t.out.dims);
    auto const dpooled = further ? c.template make<T>(t.pooled.dims) : map{};
    from_rows(c, drows, dout);
    layers_->backward(c, t.layers, dout, dpooled, writing::set, gradients);
    if (is_there(df)) pooler_.backward(c, t.pooler, dpooled, df, how);
    if (drois.data) pooler_.backward_rois(c, t.pooler, dpooled, drois);
  }

  template <class V>
  void for_each_param(V&& visit) {
    if (layers_) layers_->for_each_param(visit);
  }

 private:
  static void to_rows(context& c, map const& out, matrix rows) {
    if constexpr (Rows == rows_of::cells) {
      c.to_plain(out, view<T, 4, B>{rows.data, out.dims});
    } else {
      typename context::frame scope(c);
      auto const plain = scratch<T, B>(c, out.dims);
      c.to_plain(out, plain);
      exec<B>::for_each(c, rows.size(), detail::mean_of_cells<T>{plain.data, rows.data, out.dims[2] * out.dims[3]});
    }
  }
  static void from_rows(context& c, matrix drows, map const& dout) {
    if constexpr (Rows == rows_of::cells) {
      c.from_plain(view<T const, 4, B>{drows.data, dout.dims}, dout);
    } else {
      typename context::frame scope(c);
      auto const plain = scratch<T, B>(c, dout.dims);
      exec<B>::for_each(c, plain.size(), detail::spread_mean<T>{drows.data, plain.data, dout.dims[2] * dout.dims[3]});
      c.from_plain(view<T const, 4, B>(plain), dout);
    }
  }

  Pooler pooler_;
  std::optional<Layers> layers_;
};

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
