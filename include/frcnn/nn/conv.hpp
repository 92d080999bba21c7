#pragma once
// A convolution as a layer: ops::conv2d with its parameters and its tape. Models TrainableLayer.
//
// Initialisation is a choice of the network, not of the layer: `weights` says how the matrix starts, `biases` how the vector does.
#include "frcnn/concepts/layer.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/ops/conv_chain.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

// A layer's parameters to a visitor, in a scope of their own.
template <class V, class Layer>
void visit_layer(V&& visit, char const* scope, Layer& layer) {
  visit.enter(scope);
  layer.for_each_param(visit);
  visit.leave();
}

// Kaiming normal for ReLU, fan in (He et al. 2015, eq. 10): deviation sqrt(2 / fan_in), where inputs have the deviation 1, which outputs
// have then, too.
inline initializer kaiming_normal(int fan_in, double input_deviation = 1) {
  return initializer::normal(std::sqrt(2.0 / fan_in) / input_deviation);
}
// PyTorch's default for weights and biases of linear and convolutional layers: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
inline initializer default_uniform(int fan_in) { return initializer::uniform(1.0 / std::sqrt(static_cast<double>(fan_in))); }

// The parameters of a convolution, as files name and shape them.
template <Real T, Backend B>
param<T, B> convolution_weight(conv2d_spec const& spec, initializer start) {
  param<T, B> p;
  p.name = "weight";
  p.rank = 4;
  p.dims = {{spec.out_channels, spec.in_channels, spec.kernel, spec.kernel}};
  p.stored = ops::conv2d<B>::weight_order;
  p.init = start;
  return p;
}
// A number for each output channel.
template <Real T, Backend B>
param<T, B> channel_vector(char const* name, conv2d_spec const& spec, initializer start) {
  param<T, B> p;
  p.name = name;
  p.dims = {{spec.out_channels, 1, 1, 1}};
  p.init = start;
  return p;
}

template <Real T, Backend B>
class conv {
 public:
  using scalar = T;
  using device = B;
  // Non-owning: x and y live until backward.
  struct tape {
    activation<T, B> x{}, y{};
  };

  conv(conv2d_spec spec, initializer weights, initializer biases = initializer::zero()) : spec_(spec) {
    check(spec);
    weight = convolution_weight<T, B>(spec, weights);
    bias = channel_vector<T, B>("bias", spec, biases);
  }

  conv2d_spec const& spec() const { return spec_; }
  shape<4> out_shape(shape<4> in) const { return spec_.out_shape(in); }

  void forward(typename B::context& c, activation<T, B> const& x, activation<T, B>& y) const;
  void forward(typename B::context& c, activation<T, B> const& x, activation<T, B>& y, tape& t) const {
    forward(c, x, y);
    t.x = x;
    t.y = y;
  }
  void backward(typename B::context& c, tape& t, activation<T, B>& dy, activation<T, B>& dx, writing how, writing gradients = writing::set);

  chain_layer<T, B> chained() const {
    chain_layer<T, B> s;
    s.name = weight.layer();
    s.conv = spec_;
    s.weight = weight.value;
    s.bias = bias.value;
    s.keep = keep();
    s.version = weight.version;
    return s;
  }

  bool learns() const { return weight.wants_grad() || bias.wants_grad(); }
  void freeze() { weight.freeze(), bias.freeze(); }

  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
    visit(bias);
  }

  param<T, B> weight, bias;

 private:
  // Weights that learn change in every step: nothing made of them is worth keeping.
  typename ops::conv2d<B>::kept* keep() const { return weight.wants_grad() ? nullptr : &kept_; }

  conv2d_spec spec_;
  mutable typename ops::conv2d<B>::kept kept_;
};

// Not inline: what a compiled library holds (presets/instance_lists.hpp) is then not compiled again where it is used.
template <Real T, Backend B>
void conv<T, B>::forward(typename B::context& c, activation<T, B> const& x, activation<T, B>& y) const {
  profiled const scope(c, weight.layer(), spec_.operations(x.dims));
  ops::conv2d<B>::template forward<T>(c, spec_, x, weight.value, bias.value, y, keep(), weight.version);
}
template <Real T, Backend B>
void conv<T, B>::backward(typename B::context& c, tape& t, activation<T, B>& dy, activation<T, B>& dx, writing how, writing gradients) {
  profiled const scope(c, weight.layer(), spec_.operations(t.x.dims) * ((weight.grad ? 1 : 0) + (is_there(dx) ? 1 : 0)));
  ops::conv2d<B>::template backward<T>(c, spec_, t.x, t.y, dy, weight.value, weight.grad, bias.grad, gradients, dx, how);
}

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
