#pragma once
// Layer: one activation in, one activation out. TrainableLayer: with a way back.
//   1. l.out_shape(s)             [N,C,H,W] of the output for an input of shape s
//   2. l.forward(c, x, y)         y = f(x); y is the caller's, of shape out_shape; what was in it before is not read
//   3. l.forward(c, x, y, tape)   the same, and tape keeps what backward needs; x and y live until then
//   4. l.backward(c, tape, dy, dx, how, gradients)   dx = J'dy (how == set) or += (add); each param.grad likewise by `gradients`. dy may be
//                                 overwritten. dx.data == nullptr and empty grads are not wanted, and not computed.
// The tape is outside so that one layer serves many feature maps.
//
// The smallest model:
//   struct negate {                                             // y = -x
//     using scalar = float;  using device = cpu;  struct tape {};
//     using act = activation<float, cpu>;
//     shape<4> out_shape(shape<4> s) const { return s; }
//     void forward(cpu::context&, act const& x, act& y) const {
//       for (std::size_t i = 0; i < x.dims.size(); ++i) y.data[i] = -x.data[i];
//     }
//     void forward(cpu::context& c, act const& x, act& y, tape&) const { forward(c, x, y); }
//     void backward(cpu::context&, tape&, act& dy, act& dx, writing how, writing) {
//       for (std::size_t i = 0; dx && i < dx.dims.size(); ++i) dx.data[i] = (how == writing::add ? dx.data[i] : 0) - dy.data[i];
//     }
//     template <class V> void for_each_param(V&&) {}
//   };
#include "frcnn/concepts/trainable.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// clang-format off
template <class L>
concept Layer = Numeric<L> && requires(L const& l, context_of<L>& c, activation<scalar_of<L>, device_of<L>> const& x,
                                       activation<scalar_of<L>, device_of<L>>& y, shape<4> s) {
  { l.out_shape(s) } -> std::same_as<shape<4>>;
  l.forward(c, x, y);
  };
// clang-format on

// clang-format off
template <class L>
concept TrainableLayer = Layer<L> && Trainable<L> &&
                         requires(L& l, L const& k, context_of<L>& c, typename L::tape& t, activation<scalar_of<L>, device_of<L>>& x,
                                  activation<scalar_of<L>, device_of<L>>& y, writing how) {
                           k.forward(c, x, y, t);
                           l.backward(c, t, y, x, how, how);
                         };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
