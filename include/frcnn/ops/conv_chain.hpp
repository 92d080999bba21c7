#pragma once
// A chain of layers whose maps in between are not stored: a backbone in inference, its frozen prefix in training.
//
//   x [N, C, H, W] -> layer 0 -> layer 1 -> ... -> y      contracts of the layers: conv2d.hpp, max_pool.hpp, lrn.hpp, add_maps.hpp
//
// The kind of a layer is a layer_kind. A residual block is a row of convolutions and a layer `add`, which adds what an earlier layer gave,
// or the chain's input, to what the layer before it gave:
//   layers[3] = conv, [4] = conv, [5] = of_add(2, true)      y5 = max(0, y4 + y2)
//
// ops::conv_chain<B>:: forward(c, layers, x, y)     y is what the last layer gives; no layers: not allowed
// Unless a backend has something better, layers run one after the other between two buffers that take turns; what is added later has a
// buffer of its own to the end. Throws frcnn::error where a layer adds what is not there.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/ops/add_maps.hpp"
#include "frcnn/ops/conv2d.hpp"
#include "frcnn/ops/lrn.hpp"
#include "frcnn/ops/max_pool.hpp"

#include <algorithm>
#include <array>
#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

enum class layer_kind : std::uint8_t { conv, pool_floor, pool_ceil, lrn, add };

constexpr bool is_pool(layer_kind k) { return k == layer_kind::pool_floor || k == layer_kind::pool_ceil; }
constexpr layer_kind pool_kind(bool ceil) { return ceil ? layer_kind::pool_ceil : layer_kind::pool_floor; }
constexpr std::string_view name_of(layer_kind k) {
  return k == layer_kind::conv ? "conv" : is_pool(k) ? "pool" : k == layer_kind::lrn ? "lrn" : "add";
}

template <Real T, Backend B>
struct chain_layer {
  layer_kind kind = layer_kind::conv;
  std::string_view name{};  // for profiles; empty: the kind's
  conv2d_spec conv{};
  pool_spec pool{};
  lrn_spec lrn{};
  int from = -1;          // add: the earlier layer whose output is added; -1: the chain's input
  bool add_relu = false;  // add
  view<T const, 1, B> weight{}, bias{};
  typename ops::conv2d<B>::kept* keep = nullptr;  // where converted weights of `version` may stay
  std::uint64_t version = 0;

  static chain_layer of_pool(pool_spec const& p) {
    chain_layer s;
    s.kind = pool_kind(p.ceil);
    s.pool = p;
    return s;
  }
  static chain_layer of_lrn(lrn_spec const& l) {
    chain_layer s;
    s.kind = layer_kind::lrn;
    s.lrn = l;
    return s;
  }
  static chain_layer of_add(int from, bool relu) {
    chain_layer s;
    s.kind = layer_kind::add;
    s.from = from;
    s.add_relu = relu;
    return s;
  }

  bool is_conv() const { return kind == layer_kind::conv; }
  bool is_pool() const { return frcnn::is_pool(kind); }
  std::string_view label() const { return name.empty() ? name_of(kind) : name; }
  shape<4> out_shape(shape<4> in) const { return is_conv() ? conv.out_shape(in) : is_pool() ? pool.out_shape(in) : in; }
  double operations(shape<4> in) const { return is_conv() ? conv.operations(in) : 0; }
};

namespace detail {

// The maps of a chain that a later layer adds: each has memory of its own until the chain ends.
template <Real T, Backend B>
class added_maps {
 public:
  static constexpr std::size_t most = 32;

  // Throws where a layer adds what does not come before it, or has another shape.
  added_maps(std::span<chain_layer<T, B> const> layers, activation<T, B> x) : layers_(layers), x_(x) {
    shape<4> in = x.dims;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      in = layers[i].out_shape(in);
      if (layers[i].kind != layer_kind::add) continue;
      int const from = layers[i].from;
      if (from < -1 || from >= static_cast<int>(i))
        throw error("chain of layers", "layer " + std::to_string(i) + " to add the chain's input (-1) or an earlier layer",
                    std::to_string(from));
      if (!(shape_of(from) == in))
        throw error("chain of layers", "layer " + std::to_string(i) + " to add a map of shape " + to_string(in), to_string(shape_of(from)));
    }
  }

  // Whether the output of layer i is added later.
  bool adds_later(std::size_t i) const {
    for (std::size_t j = i + 1; j < layers_.size(); ++j)
      if (layers_[j].kind == layer_kind::add && layers_[j].from == static_cast<int>(i)) return true;
    return false;
  }
  void put(std::size_t i, activation<T, B> map) {
    if (count_ == most) throw error("chain of layers", "at most " + std::to_string(most) + " maps that are added later", "more");
    outputs_[count_++] = {static_cast<int>(i), map};
  }
  activation<T, B> of(chain_layer<T, B> const& add) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (outputs_[i].layer == add.from) return outputs_[i].map;
    return x_;
  }

 private:
  shape<4> shape_of(int layer) const {
    shape<4> s = x_.dims;
    for (int i = 0; i <= layer; ++i) s = layers_[static_cast<std::size_t>(i)].out_shape(s);
    return s;
  }

  struct entry {
    int layer;
    activation<T, B> map;
  };
  std::span<chain_layer<T, B> const> layers_;
  activation<T, B> x_;
  std::array<entry, most> outputs_{};
  std::size_t count_ = 0;
};

}  // namespace detail

namespace ops {

// What a backend runs that has no better.
template <class B>
struct layer_by_layer {
  template <Real T>
  static void forward(typename B::context& c, std::span<chain_layer<T, B> const> layers, activation<T, B> x, activation<T, B> y) {
    typename B::context::frame scope(c);
    frcnn::detail::added_maps<T, B> added(layers, x);
    std::size_t room[2] = {0, 0};
    shape<4> s = x.dims;
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
      s = layers[i].out_shape(s);
      if (!added.adds_later(i)) room[i % 2] = std::max(room[i % 2], static_cast<std::size_t>(c.template storage<T>(s)));
    }
    void* const memory[2] = {c.scratch(checked::bytes<T>(room[0])), c.scratch(checked::bytes<T>(room[1]))};
    for (std::size_t i = 0; i < layers.size(); ++i) {
      shape<4> const out = layers[i].out_shape(x.dims);
      bool const is_last = i + 1 == layers.size(), is_added = !is_last && added.adds_later(i);
      activation<T, B> const to = is_last ? y : is_added ? c.template make<T>(out) : c.template make_at<T>(memory[i % 2], out);
      run(c, layers[i], x, added.of(layers[i]), to);
      if (is_added) added.put(i, to);
      x = to;
    }
  }

  // other: what a layer `add` adds to x.
  template <Real T>
  static void run(typename B::context& c, chain_layer<T, B> const& s, activation<T, B> x, activation<T, B> other, activation<T, B> y) {
    profiled const scope(c, s.label(), s.operations(x.dims));
    if (s.is_conv()) conv2d<B>::template forward<T>(c, s.conv, x, s.weight, s.bias, y, s.keep, s.version);
    else if (s.is_pool()) max_pool<B>::template forward<T>(c, s.pool, x, y, view<std::int32_t, 1, B>{});
    else if (s.kind == layer_kind::lrn) lrn<B>::template forward<T>(c, s.lrn, x, y);
    else add_maps<B>::template forward<T>(c, s.add_relu, x, other, y);
  }
};

template <class B>
struct conv_chain : layer_by_layer<B> {};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
