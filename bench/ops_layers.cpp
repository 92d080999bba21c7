// Ops of layers: convolution and fully connected layers; on the shapes that `small` (300 x 400, batches
// of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "data.hpp"
#include "layers.hpp"
#include "suite.hpp"

#include <algorithm>
#include <memory>

namespace bench {
namespace {

using frcnn::write;

constexpr auto us = benchmark::kMicrosecond;

struct conv_case {
  conv_layer layer;
  values x, w, b;  // weights as the engine stores them
  activation dx_, y;
  activation in;
  view<float, 1, device> weight, bias;

  conv_case(context& c, conv_layer const& l) : layer(l) {
    auto const& s = l.spec;
    double const fan_in = static_cast<double>(s.in_channels) * s.kernel * s.kernel;
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

job conv_forward(context& c, conv_layer const& l) {
  auto const k = std::make_shared<conv_case>(c, l);
  return {.run = [k, &c] { k->forward(c); },
          .wrong = [k, &c] { return k->wrong_forward(c); },
          .flops = l.flops(),
          .bytes = bytes(elements(l.x) + elements(l.spec.out_shape(l.x)) + static_cast<double>(k->w.size())),
          .label = l.where};
}

job conv_backward(context& c, conv_layer const& l) {
  auto const k = std::make_shared<conv_case>(c, l);
  k->forward(c);
  auto const dy = activated(c, k->y.dims, numbers(k->y.dims.size(), .5f, 1, 5));
  auto const dx = l.wants_dx ? c.make<float>(l.x) : activation{};
  auto const dweight = uploaded(c, values(k->w.size())), dbias = uploaded(c, values(k->b.size()));
  auto run = [=, &c] {
    auto into = dx;
    frcnn::ops::conv2d<device>::backward<float>(c, k->layer.spec, k->in, k->y, dy, k->weight, dweight, dbias, write::set, into, write::set);
  };
  auto wrong = [=, &c] {
    auto y = downloaded(c, k->y);
    std::size_t const plane = static_cast<std::size_t>(k->y.dims[2]) * k->y.dims[3];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] -= k->b[i / plane % k->b.size()];
    auto const masked = downloaded(c, dy);
    auto const of_weights = not_adjoint(masked, y, frcnn::to_host(dweight), k->w);
    return of_weights.empty() && dx ? not_adjoint(masked, y, downloaded(c, dx), k->x) : of_weights;
  };
  double const passes = l.wants_dx ? 2 : 1, in = elements(l.x), out = elements(k->y.dims), weights = static_cast<double>(k->w.size());
  return {.run = run, .wrong = wrong, .flops = passes * l.flops(), .bytes = bytes(passes * (in + weights) + 2 * out), .label = l.where};
}

void add_convs(std::vector<conv_layer> const& some) {
  for (auto const& l : some) {
    auto const& s = l.spec;
    std::string const name =
        text(l.x) + "-" + std::to_string(s.out_channels) + "k" + std::to_string(s.kernel) + "s" + std::to_string(s.stride);
    add(op_name("conv2d_forward", name), us, [l](context& c) { return conv_forward(c, l); });
    add(op_name("conv2d_backward", name), us, [l](context& c) { return conv_backward(c, l); });
  }
}

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
  std::string wrong_forward() const {
    auto const out = frcnn::to_host(y);
    stream places(4);
    for (int i = 0; i < 24; ++i) {
      auto const r = static_cast<std::size_t>(places.below(m)), o = static_cast<std::size_t>(places.below(n)),
                 depth = static_cast<std::size_t>(k);
      double sum = b_host[o];
      for (std::size_t j = 0; j < depth; ++j) sum += static_cast<double>(x_host[r * depth + j]) * w_host[o * depth + j];
      double const found = out[r * static_cast<std::size_t>(n) + o];
      if (auto const wrong = not_equal("an output", found, relu ? std::max(sum, 0.) : sum, 1e-3); !wrong.empty()) return wrong;
    }
    return not_finite(out);
  }
};

void add_linear(int m, int k, int n, bool relu, std::string const& where, bool trains) {
  std::string const name = std::to_string(m) + "x" + std::to_string(k) + "-" + std::to_string(n);
  double const floats = static_cast<double>(m) * k + static_cast<double>(k) * n + static_cast<double>(m) * n;
  add(op_name("linear_forward", name), us, [=](context& c) {
    auto const l = std::make_shared<linear_case>(c, m, k, n, relu);
    return job{.run = [l, &c] { l->forward(c); },
               .wrong = [l] { return l->wrong_forward(); },
               .flops = l->flops(),
               .bytes = bytes(floats),
               .label = where};
  });
  if (!trains) return;
  add(op_name("linear_backward", name), us, [=](context& c) {
    auto const l = std::make_shared<linear_case>(c, m, k, n, relu);
    l->forward(c);
    auto const dy = uploaded(c, l->y.dims, numbers(l->y.size(), .5f, 1, 5)), dx = frcnn::scratch<float, device>(c, l->x.dims);
    auto const dweight = uploaded(c, values(l->w_host.size())), dbias = uploaded(c, values(l->b_host.size()));
    auto run = [=, &c] {
      frcnn::ops::linear<device>::backward<float>(c, relu, l->x, l->y, dy, l->weight, dweight, dbias, write::set, dx, write::set);
    };
    auto wrong = [=] {
      auto y = frcnn::to_host(l->y);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] -= l->b_host[i % l->b_host.size()];
      auto const masked = frcnn::to_host(dy);
      auto const of_weights = not_adjoint(masked, y, frcnn::to_host(dweight), l->w_host);
      return of_weights.empty() ? not_adjoint(masked, y, frcnn::to_host(dx), l->x_host) : of_weights;
    };
    return job{.run = run, .wrong = wrong, .flops = 2 * l->flops(), .bytes = bytes(2 * floats), .label = where};
  });
}

}  // namespace

void add_layer_ops() {
  for (int const n : {2, 1}) {
    auto const small = layers_of<frcnn::backbone::small_spec>(n, 300, 400);
    add_convs(small.backbone);
    add_convs(small.rpn);
  }
  auto const vgg = layers_of<frcnn::backbone::vgg16_tv_spec>(1, 600, 800);
  add_convs(vgg.backbone);
  add_convs(vgg.rpn);

  for (int const rows : {300, 256, 128}) {
    bool const trains = rows != 300;
    add_linear(rows, 256 * 49, 512, true, "small fc6", trains);
    add_linear(rows, 512, 512, true, "small fc7", trains);
  }
  for (int const rows : {300, 128}) {
    bool const trains = rows != 300;
    add_linear(rows, 512 * 49, 4096, true, "vgg16_tv fc6", trains);
    add_linear(rows, 4096, 4096, true, "vgg16_tv fc7", trains);
    add_linear(rows, 4096, 84, false, "vgg16_tv bbox_pred", trains);
  }
}

}  // namespace bench
