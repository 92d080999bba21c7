#pragma once
// A convolution and a fully connected layer with numbers in them, and what their results must be.
#include "../tests/ops/layers.hpp"
#include "data.hpp"

#include <algorithm>

namespace bench {

struct conv_case {
  conv_layer layer;
  values x, w, b;  // weights as the engine stores them
  activation dx_, y;
  activation in;
  view<float, 1, device> weight, bias;

  conv_case(context& c, conv_layer const& l) : layer(l) {
    auto const& s = l.spec;
    double const fan_in = static_cast<double>(s.fan_in());
    auto const bound = static_cast<float>(std::sqrt(6 / fan_in));
    x = numbers(l.x.size(), 0, 1, 1);
    w = numbers(static_cast<std::size_t>(fan_in) * static_cast<std::size_t>(s.out_channels), -bound, bound, 2);
    b = numbers(static_cast<std::size_t>(s.out_channels), -.1f, .1f, 3);
    in = activated(c, l.x, x);
    weight = uploaded(c, w);
    bias = uploaded(c, b);
    y = c.make<float>(s.out_shape(l.x));
  }
  void forward(context& c) const { frcnn::ops::conv2d<device>::forward<float>(c, layer.spec, in, weight, bias, y); }

  float weight_at(int o, int ch, int ky, int kx) const {
    auto const& s = layer.spec;
    bool const last = frcnn::ops::conv2d<device>::weight_order == frcnn::param_order::channels_last;
    int const at =
        last ? ((o * s.kernel + ky) * s.kernel + kx) * s.in_channels + ch : ((o * s.in_channels + ch) * s.kernel + ky) * s.kernel + kx;
    return w[static_cast<std::size_t>(at)];
  }
  // Forward against its definition at a few places.
  std::string wrong_forward(context& c) const {
    auto const& s = layer.spec;
    auto const out = downloaded(c, y);
    shape<4> const xs = layer.x, ys = y.dims;
    stream places(4);
    for (int i = 0; i < 24; ++i) {
      int const n = places.below(ys[0]), o = places.below(ys[1]), oy = places.below(ys[2]), ox = places.below(ys[3]);
      double sum = b[static_cast<std::size_t>(o)];
      for (int ch = 0; ch < xs[1]; ++ch)
        for (int ky = 0; ky < s.kernel; ++ky)
          for (int kx = 0; kx < s.kernel; ++kx) {
            int const iy = oy * s.stride - s.pad + ky, ix = ox * s.stride - s.pad + kx;
            if (iy < 0 || iy >= xs[2] || ix < 0 || ix >= xs[3]) continue;
            auto const at = ((static_cast<std::size_t>(n) * xs[1] + ch) * xs[2] + iy) * xs[3] + ix;
            sum += static_cast<double>(weight_at(o, ch, ky, kx)) * x[at];
          }
      auto const at = ((static_cast<std::size_t>(n) * ys[1] + o) * ys[2] + oy) * ys[3] + ox;
      if (auto const wrong = not_equal("an output", out[at], s.relu ? std::max(sum, 0.) : sum, 1e-3); !wrong.empty()) return wrong;
    }
    return not_finite(out);
  }
};

struct linear_case {
  int m, k, n;
  bool relu;
  values x_host, w_host, b_host;
  view<float, 2, device> x, y;
  view<float, 1, device> weight, bias;

  linear_case(context& c, int m, int k, int n, bool relu) : m(m), k(k), n(n), relu(relu) {
    auto const bound = static_cast<float>(std::sqrt(6. / k));
    x_host = numbers(static_cast<std::size_t>(m) * k, 0, 1, 1);
    w_host = numbers(static_cast<std::size_t>(n) * k, -bound, bound, 2);
    b_host = numbers(static_cast<std::size_t>(n), -.1f, .1f, 3);
    x = uploaded(c, shape<2>{{m, k}}, x_host);
    y = frcnn::scratch<float, device>(c, shape<2>{{m, n}});
    weight = uploaded(c, w_host);
    bias = uploaded(c, b_host);
  }
  double flops() const { return 2. * m * k * n; }
  void forward(context& c) const { frcnn::ops::linear<device>::forward<float>(c, relu, x, weight, bias, y); }
  std::string wrong_forward(double tolerance = 1e-3) const {
    auto const out = frcnn::to_host(y);
    stream places(4);
    for (int i = 0; i < 24; ++i) {
      auto const r = static_cast<std::size_t>(places.below(m)), o = static_cast<std::size_t>(places.below(n)),
                 depth = static_cast<std::size_t>(k);
      double sum = b_host[o];
      for (std::size_t j = 0; j < depth; ++j) sum += static_cast<double>(x_host[r * depth + j]) * w_host[o * depth + j];
      double const found = out[r * static_cast<std::size_t>(n) + o];
      if (auto const wrong = not_equal("an output", found, relu ? std::max(sum, 0.) : sum, tolerance); !wrong.empty()) return wrong;
    }
    return not_finite(out);
  }
};

}  // namespace bench
