#pragma once
// Backbone: the shared convolutional layers, pixels to feature maps (section 3.2).
//   1. X::levels, X::channels(l)                 constants: maps, channels of each; where they are any_channels, x.map_channels(l) has them
//   2. x.stride(l)                               nominal input pixels per cell of map l
//   3. x.map_shape(l, [N,C,H,W])                 shape of map l for a padded batch
//   4. x.infer(c, batch, maps)                   inference; maps are the caller's, of map_shape
//   5. x.forward(c, batch, maps, tape)           training: tape keeps what backward needs; maps live until then
//   6. x.backward(c, tape, dmaps, gradients)     d(loss)/d(maps) to every parameter gradient, set or added to; dmaps may be overwritten.
//                                                Stops where everything earlier is frozen; is not called where all is.
// infer and forward are const and safe from several threads, each with its own context.
//
// The smallest model:
//   struct no_backbone {                                        // the pixels are the map
//     using scalar = float;  using device = cpu;  struct tape {};
//     using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
//     static constexpr int levels = 1;
//     static constexpr int channels(int) { return 3; }
//     static constexpr int stride(int) { return 1; }
//     shape<4> map_shape(int, shape<4> pixels) const { return pixels; }
//     void infer(context& c, images im, map& f) const { c.from_plain(im.pixels, f.level[0]); }
//     void forward(context& c, images im, map& f, tape&) const { infer(c, im, f); }
//     void backward(context&, tape&, map&, writing) {}
//     template <class V> void for_each_param(V&&) {}
//   };
#include "frcnn/concepts/batch.hpp"
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/core/maps.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <class X>
consteval bool has_levels() {
  if constexpr (requires { X::channels(0); }) {
    constexpr bool says = requires(X const& x) {
      { x.map_channels(0) } -> std::same_as<int>;
    };
    for (int l = 0; l < X::levels; ++l)
      if (X::channels(l) < 0 || (X::channels(l) == any_channels && !says)) return false;
    return true;
  }
  return false;
}
}  // namespace detail

// clang-format off
template <class X>
concept Backbone = Trainable<X> && (X::levels > 0) && detail::has_levels<X>() &&
                   requires(X& x, X const& k, context_of<X>& c, batch<scalar_of<X>, device_of<X>> im,
                            maps<scalar_of<X>, X::levels, device_of<X>>& f, typename X::tape& t, writing w) {
                     { k.stride(0) } -> std::same_as<int>;
                     { k.map_shape(0, im.pixels.dims) } -> std::same_as<shape<4>>;
                     k.infer(c, im, f);
                     k.forward(c, im, f, t);
                     x.backward(c, t, f, w);
                   };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
