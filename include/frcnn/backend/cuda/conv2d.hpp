#pragma once
// ops::conv2d of the CUDA backend: what lies around the products, which a library computes (conv2d.cuh: cuDNN; host/conv2d.hpp: the CPU's
// portable engine). Weights are stored [O, kernel, kernel, C].
//   a scale      is multiplied into the weights: s * (w * x) = (s * w) * x. With G the gradient by s * w: dw = s * G, ds = <w, G>
//   channels     that are no multiple of 4 (8 in bf16), an image's above all, are padded with zeros, as tensor cores want them
//   an epilogue  is one kernel of ours (bias_relu.hpp)
//
// detail::conv_products<B>, the library's part, on maps and weights that are padded already; spec.relu is not read:
//   channel_multiple<T>(c, infers)                    of the channels of x; infers: nobody learns from this product, which may use bf16
//   forward(c, spec, infers, x, weight, y, how)       y = or += w * x
//   backward_weight(c, spec, x, dy, dweight, how)     backward_data(c, spec, dy, weight, dx, how)
#include "frcnn/backend/cuda/bias_relu.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/conv2d.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class B>
struct conv_products;

// Rows of `from` channels to rows of `to` of them, which are more: what is more is zero. Weights times their output's scale, too.
template <class T>
struct pad_channels {
  T const *in, *scale;  // scale: nullptr, or one for each `rows` rows
  T* out;
  std::size_t from, to, rows;
  FRCNN_HD void operator()(std::size_t i) const {
    divided const at(i, to);
    T const v = at.rest < from ? in[at.quotient * from + at.rest] : T(0);
    out[i] = scale ? v * scale[divided(at.quotient, rows).quotient] : v;
  }
};
// And back.
template <class T>
struct crop_channels {
  T const* in;
  T* out;
  std::size_t from, to;
  writing how;
  FRCNN_HD void operator()(std::size_t i) const {
    divided const at(i, to);
    write(out[i], in[at.quotient * from + at.rest], how);
  }
};

// The gradient by padded and scaled weights to those by the weights and by the scale. A block takes an output.
template <class T>
struct share_gradient {
  static constexpr int threads = 128;
  struct shared_state {
    T sum[threads];
  };

  T const *weight, *scale, *product;  // product [O, taps, padded]; scale: nullptr, or [O]
  T *dweight, *dscale;                // nullptr: not wanted
  std::size_t taps, channels, padded;
  writing how;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    std::size_t const fan_in = taps * channels, o = block.index();
    auto& s = block.shared();
    block.each([&](int t) {
      T sum = T(0);
      for (std::size_t i = static_cast<std::size_t>(t); i < fan_in; i += threads) {
        divided const at(i, channels);
        T const g = product[(o * taps + at.quotient) * padded + at.rest];
        sum += weight[o * fan_in + i] * g;
        if (dweight) write(dweight[o * fan_in + i], scale ? scale[o] * g : g, how);
      }
      s.sum[t] = sum;
    });
    if (!dscale) return;
    for (int half = threads / 2; half > 0; half /= 2)
      block.each([&](int t) {
        if (t < half) s.sum[t] += s.sum[t + half];
      });
    block.each([&](int t) {
      if (t == 0) write(dscale[o], s.sum[0], how);
    });
  }
};

// A convolution as the library is given it: channels padded, weights scaled, in scratch of the caller's frame where they differ.
template <Real T, CudaDevice B>
struct prepared_conv2d {
  using context = typename B::context;

  conv2d_spec spec;
  std::size_t channels;
  bool is_padded, is_scaled;

  prepared_conv2d(context& c, conv2d_spec const& s, bool scaled, bool infers)
      : spec(s), channels(static_cast<std::size_t>(s.in_channels)), is_scaled(scaled) {
    int const multiple = conv_products<B>::template channel_multiple<T>(c, infers);
    spec.in_channels = checked::extent((channels + static_cast<std::size_t>(multiple) - 1) / static_cast<std::size_t>(multiple) *
                                       static_cast<std::size_t>(multiple));
    is_padded = spec.in_channels != s.in_channels;
  }
  std::size_t taps() const { return static_cast<std::size_t>(spec.kernel) * static_cast<std::size_t>(spec.kernel); }
  std::size_t padded() const { return static_cast<std::size_t>(spec.in_channels); }

  cuda_activation<T> empty_maps(context& c, shape<4> s) const {
    s[1] = spec.in_channels;
    return c.template make<T>(s);
  }
  cuda_activation<T> maps_of(context& c, cuda_activation<T> x) const {
    if (!is_padded) return x;
    auto const to = empty_maps(c, x.dims);
    exec<B>::for_each(c, to.dims.size(), pad_channels<T>{x.data, nullptr, to.data, channels, padded(), 1});
    return to;
  }
  T* empty_weights(context& c) const { return static_cast<T*>(c.scratch(checked::bytes<T>(spec.weights()))); }
  T const* weights_of(context& c, T const* weight, T const* scale) const {
    if (!is_padded && !is_scaled) return weight;
    T* const to = empty_weights(c);
    exec<B>::for_each(c, spec.weights(), pad_channels<T>{weight, scale, to, channels, padded(), taps()});
    return to;
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct conv2d<B> {
  static constexpr param_order weight_order = param_order::channels_last;
  struct kept {};
  using context = typename B::context;
  using products = frcnn::detail::conv_products<B>;

  template <Real T>
  static void forward(context& c, conv2d_spec spec, activation<T, B> x, std::type_identity_t<view<T const, 1, B>> weight,
                      conv2d_epilogue<T, B> const& e, activation<T, B> y, kept* keep = nullptr, std::uint64_t /*version*/ = 0) {
    check(spec, x.dims, e, y.dims);
    if (y.dims.size() == 0) return;
    typename context::frame const scope(c);
    bool const infers = keep != nullptr;
    frcnn::detail::prepared_conv2d<T, B> const as(c, spec, e.scale.data != nullptr, infers);
    bool const adds = e.residual.data == y.data;
    products::template forward<T>(c, as.spec, infers, as.maps_of(c, x), as.weights_of(c, weight.data, e.scale.data), y,
                                  adds ? writing::add : writing::set);
    frcnn::detail::add_epilogue<T, B>(c, y.data, pixels(y.dims), static_cast<std::size_t>(y.dims[1]), e.bias.data,
                                      adds ? nullptr : e.residual.data, spec.relu);
  }
  template <Real T>
  static void forward(context& c, conv2d_spec spec, activation<T, B> x, std::type_identity_t<view<T const, 1, B>> weight,
                      std::type_identity_t<view<T const, 1, B>> bias, activation<T, B> y, kept* keep = nullptr, std::uint64_t version = 0) {
    forward<T>(c, spec, x, weight, conv2d_epilogue<T, B>{.bias = bias}, y, keep, version);
  }

  template <Real T>
  static void backward(context& c, conv2d_spec spec, activation<T, B> x, activation<T, B> y, activation<T, B> dy,
                       std::type_identity_t<view<T const, 1, B>> weight, conv2d_epilogue<T, B> const& e, conv2d_gradients<T, B> const& d) {
    frcnn::detail::mask_and_sum<T, B>(c, spec.relu, y.data, dy.data, pixels(dy.dims), static_cast<std::size_t>(dy.dims[1]), d.bias.data,
                                      d.how);
    frcnn::detail::pass_on<T, B>(c, dy, d.residual, d.residual_how);
    if (dy.dims.size() == 0) {  // gradients of nothing are zeros
      if (d.how == writing::add) return;
      if (d.weight) ops::clear<B>(c, d.weight.data, d.weight.size());
      if (d.scale) ops::clear<B>(c, d.scale.data, d.scale.size());
      return;
    }
    typename context::frame const scope(c);
    frcnn::detail::prepared_conv2d<T, B> const as(c, spec, e.scale.data != nullptr, false);
    if (d.weight || d.scale) {
      bool const shares = as.is_padded || as.is_scaled;
      T* const product = shares ? as.empty_weights(c) : d.weight.data;
      products::template backward_weight<T>(c, as.spec, as.maps_of(c, x), dy, product, shares ? writing::set : d.how);
      if (shares)
        launch(c, static_cast<std::size_t>(spec.out_channels),
               frcnn::detail::share_gradient<T>{weight.data, e.scale.data, product, d.weight.data, d.scale.data, as.taps(), as.channels,
                                                as.padded(), d.how});
    }
    if (!d.x) return;
    auto const dx = as.is_padded ? as.empty_maps(c, x.dims) : d.x;
    products::template backward_data<T>(c, as.spec, dy, as.weights_of(c, weight.data, e.scale.data), dx,
                                        as.is_padded ? writing::set : d.x_how);
    if (as.is_padded)
      exec<B>::for_each(c, x.dims.size(), frcnn::detail::crop_channels<T>{dx.data, d.x.data, as.padded(), as.channels, d.x_how});
  }
  template <Real T>
  static void backward(context& c, conv2d_spec spec, activation<T, B> x, activation<T, B> y, activation<T, B> dy,
                       std::type_identity_t<view<T const, 1, B>> weight, std::type_identity_t<view<T, 1, B>> dweight,
                       std::type_identity_t<view<T, 1, B>> dbias, writing how, activation<T, B> dx, writing dx_how) {
    backward<T>(c, spec, x, y, dy, weight, conv2d_epilogue<T, B>{},
                conv2d_gradients<T, B>{.weight = dweight, .bias = dbias, .how = how, .x = dx, .x_how = dx_how});
  }

 private:
  static std::size_t pixels(shape<4> const& s) { return shape<3>{{s[0], s[2], s[3]}}.size(); }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
