// Ops of layers: convolution, fully connected layers, pooling of maps and of regions, rows; on the shapes that `small` (300 x 400, batches
// of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "data.hpp"
#include "layers.hpp"
#include "suite.hpp"

#include <memory>

namespace bench {
namespace {

using frcnn::write;

constexpr auto us = benchmark::kMicrosecond;

std::string text(shape<4> s) {
  return std::to_string(s[0]) + "x" + std::to_string(s[1]) + "x" + std::to_string(s[2]) + "x" + std::to_string(s[3]);
}
double bytes(double floats) { return 4 * floats; }
double elements(shape<4> s) { return static_cast<double>(s.size()); }

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

void add_pool(pool_layer const& l) {
  std::string const name = text(l.x) + "-k" + std::to_string(l.spec.kernel) + "s" + std::to_string(l.spec.stride);
  shape<4> const ys = l.spec.out_shape(l.x);
  double const in = elements(l.x), out = elements(ys);
  using op = frcnn::ops::max_pool<device>;
  struct pool_case {
    values x_host;
    activation x, y;
    view<std::int32_t, 1, device> argmax;
  };
  auto const make = [=](context& c) {
    pool_case p{
        numbers(l.x.size(), 0, 1), {}, c.make<float>(ys), frcnn::scratch<std::int32_t, device>(c, shape<1>{{static_cast<int>(ys.size())}})};
    p.x = activated(c, l.x, p.x_host);
    op::forward<float>(c, l.spec, p.x, p.y, p.argmax);
    return std::make_shared<pool_case>(std::move(p));
  };
  auto const add_forward = [&](char const* what, bool winners) {
    add(op_name(what, name), us, [=](context& c) {
      auto const p = make(c);
      return job{.run = [=, &c] { op::forward<float>(c, l.spec, p->x, p->y, winners ? p->argmax : view<std::int32_t, 1, device>{}); },
                 .wrong = [=, &c] { return not_finite(downloaded(c, p->y)); },
                 .bytes = bytes(in + (winners ? 2 : 1) * out),
                 .label = l.where};
    });
  };
  add_forward("max_pool_forward", false);
  add_forward("max_pool_forward_argmax", true);
  add(op_name("max_pool_backward", name), us, [=](context& c) {
    auto const p = make(c);
    auto const dy = activated(c, ys, numbers(ys.size(), .5f, 1, 5)), dx = c.make<float>(l.x);
    return job{.run = [=, &c] { op::backward<float>(c, l.spec, p->argmax, dy, dx, write::set); },
               .wrong = [=, &c] { return not_adjoint(downloaded(c, dy), downloaded(c, p->y), downloaded(c, dx), p->x_host); },
               .bytes = bytes(in + 2 * out),
               .label = l.where};
  });
}

struct region_case {
  values x_host;
  frcnn::maps<float, 1, device> x{}, dx{};
  counted<box<float> const, 2, device> rois{};
  view<float, 3, device> out{}, dout{};
  view<std::int32_t, 3, device> argmax{};
  frcnn::roi_spec<1> spec{};

  region_case(context& c, shape<4> map, int each) {
    constexpr int stride = 16;
    spec.scale[0] = 1. / stride;
    x_host = numbers(map.size(), 0, 1);
    x.level[0] = activated(c, map, x_host);
    dx.level[0] = c.make<float>(map);
    rois = uploaded_boxes(c, map[0], crowded_boxes(map[0] * each, stride * map[2], stride * map[3], 40));
    shape<3> const rows{{map[0] * each, spec.pooled * spec.pooled, map[1]}};
    out = frcnn::scratch<float, device>(c, rows);
    argmax = frcnn::scratch<std::int32_t, device>(c, rows);
    dout = uploaded(c, rows, numbers(rows.size(), .5f, 1, 5));
  }
  void align(context& c) { frcnn::ops::roi_align<device>::forward(c, spec, x, rois, view<std::int32_t const, 2, device>{}, out); }
  void align_back(context& c) {
    frcnn::ops::roi_align<device>::backward(c, spec, view<float const, 3, device>(dout), rois, view<std::int32_t const, 2, device>{}, dx,
                                            write::set);
  }
  void pool(context& c) { frcnn::ops::roi_pool<device>::forward(c, spec, x, rois, view<std::int32_t const, 2, device>{}, out, argmax); }
  void pool_back(context& c) {
    frcnn::ops::roi_pool<device>::backward(c, spec, view<float const, 3, device>(dout), view<std::int32_t const, 3, device>(argmax), rois,
                                           view<std::int32_t const, 2, device>{}, dx, write::set);
  }
};

void add_regions(shape<4> map, int each, std::string const& where) {
  std::string const name = text(map) + "-" + std::to_string(each);
  double const in = elements(map), out = static_cast<double>(map[0]) * each * 49 * map[1];
  using method = void (region_case::*)(context&);
  auto const add_both = [&](std::string const& op, method forward, method backward, double kept) {
    add(op_name(op + "_forward", name), us, [=](context& c) {
      auto const r = std::make_shared<region_case>(c, map, each);
      return job{.run = [=, &c] { (*r.*forward)(c); },
                 .wrong = [=] { return not_finite(frcnn::to_host(r->out)); },
                 .bytes = bytes(in + kept * out),
                 .label = where};
    });
    add(op_name(op + "_backward", name), us, [=](context& c) {
      auto const r = std::make_shared<region_case>(c, map, each);
      (*r.*forward)(c);
      return job{
          .run = [=, &c] { (*r.*backward)(c); },
          .wrong = [=,
                    &c] { return not_adjoint(frcnn::to_host(r->dout), frcnn::to_host(r->out), downloaded(c, r->dx.level[0]), r->x_host); },
          .bytes = bytes(in + kept * out),
          .label = where};
    });
  };
  add_both("roi_align", &region_case::align, &region_case::align_back, 1);
  add_both("roi_pool", &region_case::pool, &region_case::pool_back, 2);
}

void add_rows(shape<4> s, std::string const& where) {
  shape<3> const rows{{s[0], s[2] * s[3], s[1]}};
  add(op_name("rows_gather", text(s)), us, [=](context& c) {
    auto const host = numbers(s.size(), 0, 1);
    auto const a = activated(c, s, host);
    auto const out = frcnn::scratch<float, device>(c, rows);
    return job{.run = [=, &c] { frcnn::ops::rows<device>::gather<float>(c, a, out, 0); },
               .wrong =
                   [=] {  // row y*W + x holds the channels
                     auto const found = frcnn::to_host(out);
                     std::size_t const last = host.size() - 1, channels = static_cast<std::size_t>(s[1]),
                                       cells = host.size() / channels / static_cast<std::size_t>(s[0]);
                     return not_equal("the last row", found[last], host[last]) + not_equal("row 1", found[channels + 1], host[cells + 1]);
                   },
               .bytes = bytes(2 * elements(s)),
               .label = where};
  });
  add(op_name("rows_scatter", text(s)), us, [=](context& c) {
    auto const host = numbers(s.size(), 0, 1);
    auto const in = uploaded(c, rows, host);
    auto const a = c.make<float>(s);
    return job{.run = [=, &c] { frcnn::ops::rows<device>::scatter<float>(c, view<float const, 3, device>(in), 0, a); },
               .wrong = [=, &c] { return not_equal("the last cell", downloaded(c, a).back(), host.back()); },
               .bytes = bytes(2 * elements(s)),
               .label = where};
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

  for (auto const& l : vgg.pools) add_pool(l);
  auto const small_map = layers_of<frcnn::backbone::small_spec>(1, 300, 400).map;
  add_regions(small_map, 300, "small, detection");
  add_regions({{2, small_map[1], small_map[2], small_map[3]}}, 128, "small, training");
  add_regions(vgg.map, 300, "vgg16_tv, detection");
  add_regions(vgg.map, 128, "vgg16_tv, training");
  add_rows({{1, 36, small_map[2], small_map[3]}}, "small bbox_pred");
  add_rows({{1, 36, vgg.map[2], vgg.map[3]}}, "vgg16_tv bbox_pred");
}

}  // namespace bench
