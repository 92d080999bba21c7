#pragma once
// Two 1 x 1 convolutions on the same maps, run as one: the RPN's objectness and boxes (section 3.1). The maps are read once, and their
// gradient is written once. Each keeps parameters of its own; side by side they are the rows of one matrix, put together in every call
// (some twenty thousand numbers).
//
//   x [N, C, H, W]   first [N, M, A1] and second [N, M, A2] plain rows; map cell (y, x) is row `cell` + y*W + x
//   forward(c, x, cell, first, second)
//   backward(c, x, dfirst, dsecond, cell, dx, how, gradients)     parameters' gradients as nn::conv's
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/nn/conv.hpp"
#include "frcnn/ops/rows.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::rpn {

namespace detail {

// to[i] = from[i], or to[i] += from[i].
template <Real T, Backend B>
struct transfer {
  T const* from;
  T* to;
  bool add;
  FRCNN_HD void operator()(std::size_t i) const { to[i] = add ? to[i] + from[i] : from[i]; }
};
template <Real T, Backend B>
void move(typename B::context& c, T const* from, T* to, std::size_t n, writing how) {
  exec<B>::for_each(c, n, transfer<T, B>{from, to, how == writing::add});
}

}  // namespace detail

template <Real T, Backend B>
class siblings {
  using context = typename B::context;
  using conv = nn::conv<T, B>;

 public:
  conv first, second;

  siblings(int channels, int first_outputs, int second_outputs, initializer weights)
      : first({channels, first_outputs, 1}, weights), second({channels, second_outputs, 1}, weights) {}

  void forward(context& c, activation<T, B> const& x, int cell, view<T, 3, B> to_first, view<T, 3, B> to_second) const;

  void backward(context& c, activation<T, B> const& x, view<T const, 3, B> dfirst, view<T const, 3, B> dsecond, int cell,
                activation<T, B>& dx, writing how, writing gradients = writing::set);

 private:
  conv2d_spec spec() const { return {first.spec().in_channels, first.spec().out_channels + second.spec().out_channels, 1}; }

  view<T const, 1, B> together(context& c, param<T, B> conv::*which) const {
    auto const &a = first.*which, &b = second.*which;
    auto const both = scratch<T, B>(c, shape<1>{{checked::extent(a.size() + b.size())}});
    detail::move<T, B>(c, a.value.data, both.data, a.size(), writing::set);
    detail::move<T, B>(c, b.value.data, both.data + a.size(), b.size(), writing::set);
    return both;
  }
  void apart(context& c, view<T, 1, B> gradient, param<T, B> conv::*which, writing how) {
    T const* from = gradient.data;
    for (auto* const p : {&(first.*which), &(second.*which)}) {
      if (p->wants_grad()) detail::move<T, B>(c, from, p->grad.data, p->size(), how);
      from += p->size();
    }
  }
};

// Not inline: what a compiled library holds (presets/instance_lists.hpp) is then not compiled again where it is used.
template <Real T, Backend B>
void siblings<T, B>::forward(context& c, activation<T, B> const& x, int cell, view<T, 3, B> to_first, view<T, 3, B> to_second) const {
  typename context::frame scope(c);
  auto const whole = spec();
  profiled const layer(c, "siblings", whole.operations(x.dims));
  auto const weight = together(c, &conv::weight), bias = together(c, &conv::bias);
  auto y = c.template make<T>(whole.out_shape(x.dims));
  ops::conv2d<B>::template forward<T>(c, whole, x, weight, bias, y);
  ops::rows<B>::template gather<T>(c, y, to_first, cell, 0);
  ops::rows<B>::template gather<T>(c, y, to_second, cell, first.spec().out_channels);
}
template <Real T, Backend B>
void siblings<T, B>::backward(context& c, activation<T, B> const& x, view<T const, 3, B> dfirst, view<T const, 3, B> dsecond, int cell,
                              activation<T, B>& dx, writing how, writing gradients) {
  typename context::frame scope(c);
  auto const whole = spec();
  profiled const layer(c, "siblings", 2 * whole.operations(x.dims));
  auto dy = c.template make<T>(whole.out_shape(x.dims));
  ops::rows<B>::template scatter<T>(c, dfirst, cell, dy, 0);
  ops::rows<B>::template scatter<T>(c, dsecond, cell, dy, first.spec().out_channels);
  bool const learns = first.learns() || second.learns();
  view<T, 1, B> dweight{}, dbias{};
  if (learns) {
    dweight = scratch<T, B>(c, shape<1>{{checked::extent(first.weight.size() + second.weight.size())}});
    dbias = scratch<T, B>(c, shape<1>{{whole.out_channels}});
  }
  ops::conv2d<B>::template backward<T>(c, whole, x, dy, dy, together(c, &conv::weight), dweight, dbias, writing::set, dx,
                                       how);  // no ReLU: y is not looked at
  if (!learns) return;
  apart(c, dweight, &conv::weight, gradients);
  apart(c, dbias, &conv::bias, gradients);
}

}  // namespace frcnn::rpn
FRCNN_HIDDEN_END
