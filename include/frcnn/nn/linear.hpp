#pragma once
// A fully connected layer on plain rows, [M, K] to [M, N], with an optional fused ReLU. Its weight lies in memory as files have it, [N, K].
#include "frcnn/nn/conv.hpp"
#include "frcnn/ops/linear.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

template <Real T, Backend B>
class linear {
 public:
  using scalar = T;
  using device = B;
  struct tape {
    view<T const, 2, B> x{}, y{};
  };

  linear(int in, int out, bool relu, initializer weights, initializer biases) : in_(in), out_(out), relu_(relu) {
    weight.name = "weight";
    weight.rank = 2;
    weight.dims = {{out, in, 1, 1}};
    weight.init = weights;
    bias.name = "bias";
    bias.dims = {{out, 1, 1, 1}};
    bias.init = biases;
  }

  int in() const { return in_; }
  int out() const { return out_; }

  // images: M is so many runs of equal length, none of which depends on another.
  void forward(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> y, int images = 1) const;
  void forward(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> y, tape& t, int images = 1) const {
    forward(c, x, y, images);
    t = {x, y};
  }
  // dy is masked in place; dx empty is not wanted.
  void backward(typename B::context& c, tape& t, view<T, 2, B> dy, view<T, 2, B> dx, writing how, writing gradients = writing::set);

  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
    visit(bias);
  }

  param<T, B> weight, bias;

 private:
  double operations(view<T const, 2, B> x) const { return 2.0 * static_cast<double>(x.size()) * out_; }

  int in_, out_;
  bool relu_;
  mutable typename ops::linear<B>::kept kept_;
};

// Not inline: what a compiled library holds (presets/instance_lists.hpp) is then not compiled again where it is used.
template <Real T, Backend B>
void linear<T, B>::forward(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> y, int images) const {
  profiled const scope(c, weight.layer(), operations(x));
  ops::linear<B>::template forward<T>(c, relu_, x, weight.value, bias.value, y, weight.wants_grad() ? nullptr : &kept_, weight.version,
                                      images);
}
template <Real T, Backend B>
void linear<T, B>::backward(typename B::context& c, tape& t, view<T, 2, B> dy, view<T, 2, B> dx, writing how, writing gradients) {
  profiled const scope(c, weight.layer(), operations(t.x) * ((weight.grad ? 1 : 0) + (dx ? 1 : 0)));
  ops::linear<B>::template backward<T>(c, relu_, t.x, t.y, dy, weight.value, weight.grad, bias.grad, gradients, dx, how);
}

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
