#pragma once
// A convolution and the batch normalisation behind it, whose statistics are constants: nothing of it learns but the convolution's weight.
//
//   y = scale * (w * x) + shift + residual, then ReLU where the spec says so
//   scale = weight / sqrt(running_var + epsilon)       shift = bias - running_mean * scale
// The four vectors are buffers (core/param.hpp): files hold them, no optimiser sees them. scale and shift are the epilogue of the
// convolution (ops/conv2d.hpp), computed anew in every call: a few hundred numbers. Without normalisation the layer has a bias that learns.
// epsilon is not in anybody's file of weights: torchvision has 1e-5, and 0 for one published detector (detector/name_map.hpp).
// Source: torchvision 0.29, ops/misc.py, FrozenBatchNorm2d.
#include "frcnn/core/executor.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/nn/conv.hpp"

#include <cmath>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

namespace detail {

template <Real T, Backend B>
struct fold_statistics {
  T const *weight, *bias, *mean, *variance;
  T epsilon;
  T *scale, *shift;
  FRCNN_HD void operator()(std::size_t i) const {
    using std::sqrt;
    T const by = weight[i] / sqrt(variance[i] + epsilon);
    scale[i] = by;
    shift[i] = bias[i] - mean[i] * by;
  }
};

}  // namespace detail

template <Real T, Backend B>
class conv_norm {
 public:
  using scalar = T;
  using device = B;
  using context = typename B::context;

  // epsilon: of the normalisation; none: there is no normalisation.
  conv_norm(conv2d_spec spec, initializer weights, std::optional<double> epsilon) : spec_(spec), epsilon_(epsilon) {
    check(spec);
    if (epsilon && !(is_finite(*epsilon) && *epsilon >= 0 && *epsilon <= 1))
      throw error("batch normalisation", "an epsilon from 0 to 1", std::to_string(*epsilon));
    weight = convolution_weight<T, B>(spec, weights);
    if (!epsilon) {
      bias = channel_vector<T, B>("bias", spec, initializer::zero());
      return;
    }
    auto const statistic = [&](char const* name, double start) {
      auto p = channel_vector<T, B>(name, spec, initializer::constant(start));
      p.kind = param_kind::buffer;
      return p;
    };
    norm_weight = statistic("weight", 1);
    norm_bias = statistic("bias", 0);
    mean = statistic("running_mean", 0);
    variance = statistic("running_var", 1);
  }

  conv2d_spec const& spec() const { return spec_; }
  shape<4> out_shape(shape<4> in) const { return spec_.out_shape(in); }

  // residual: added before the ReLU; may be y itself.
  void forward(context& c, activation<T, B> const& x, activation<T, B> const& y, activation<T, B> const& residual = {}) const;

  // dy is masked in place where there is a ReLU; what it then holds is the residual's gradient. Without one y is not looked at.
  void backward(context& c, activation<T, B> const& x, activation<T, B> const& y, activation<T, B> const& dy, activation<T, B> const& dx,
                writing how, writing gradients);

  bool learns() const { return weight.wants_grad() || bias.wants_grad(); }
  void freeze() { weight.freeze(), bias.freeze(); }

  // In two scopes, as PyTorch has two modules: ("conv1", "bn1") gives conv1.weight, bn1.weight, bn1.bias, bn1.running_mean, ...
  template <class V>
  void for_each_param(V&& visit, std::string const& convolution, std::string const& normalisation) {
    visit.enter(convolution);
    visit(weight);
    if (!epsilon_) visit(bias);
    visit.leave();
    if (!epsilon_) return;
    visit.enter(normalisation);
    for (auto* const p : {&norm_weight, &norm_bias, &mean, &variance}) visit(*p);
    visit.leave();
  }

  param<T, B> weight, bias;                            // bias: where there is no normalisation
  param<T, B> norm_weight, norm_bias, mean, variance;  // where there is one

 private:
  conv2d_epilogue<T, B> epilogue(context& c) const {
    if (!epsilon_) return {.bias = bias.value};
    shape<1> const each{{spec_.out_channels}};
    auto const scale = scratch<T, B>(c, each), shift = scratch<T, B>(c, each);
    exec<B>::for_each(c, scale.size(),
                      detail::fold_statistics<T, B>{norm_weight.value.data, norm_bias.value.data, mean.value.data, variance.value.data,
                                                    static_cast<T>(*epsilon_), scale.data, shift.data});
    return {.bias = shift, .scale = scale};
  }
  // Of all that kept weights are made of: each number only rises.
  std::uint64_t version() const { return weight.version + norm_weight.version + norm_bias.version + mean.version + variance.version; }

  conv2d_spec spec_;
  std::optional<double> epsilon_;
  mutable typename ops::conv2d<B>::kept kept_;
};

// Not inline: what a compiled library holds (presets/instance_lists.hpp) is then not compiled again where it is used.
template <Real T, Backend B>
void conv_norm<T, B>::forward(context& c, activation<T, B> const& x, activation<T, B> const& y, activation<T, B> const& residual) const {
  profiled const scope(c, weight.layer(), spec_.operations(x.dims));
  typename context::frame const memory(c);
  conv2d_epilogue<T, B> e = epilogue(c);
  e.residual = residual;
  ops::conv2d<B>::template forward<T>(c, spec_, x, weight.value, e, y, weight.wants_grad() ? nullptr : &kept_, version());
}
template <Real T, Backend B>
void conv_norm<T, B>::backward(context& c, activation<T, B> const& x, activation<T, B> const& y, activation<T, B> const& dy,
                               activation<T, B> const& dx, writing how, writing gradients) {
  profiled const scope(c, weight.layer(), spec_.operations(x.dims) * ((weight.grad ? 1 : 0) + (is_there(dx) ? 1 : 0)));
  typename context::frame const memory(c);
  conv2d_gradients<T, B> d;
  d.weight = weight.grad;
  d.bias = bias.grad;
  d.how = gradients;
  d.x = dx;
  d.x_how = how;
  ops::conv2d<B>::template backward<T>(c, spec_, x, y, dy, weight.value, epilogue(c), d);
}

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
