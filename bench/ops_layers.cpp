// Ops of layers: convolution and fully connected layers; on the shapes that `small` (300 x 400, batches
// of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "cases.hpp"
#include "suite.hpp"

#include <algorithm>
#include <memory>

namespace bench {
namespace {

using frcnn::writing;

constexpr auto us = benchmark::kMicrosecond;

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
    frcnn::ops::conv2d<device>::backward<float>(c, k->layer.spec, k->in, k->y, dy, k->weight, dweight, dbias, writing::set, into,
                                                writing::set);
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
      frcnn::ops::linear<device>::backward<float>(c, relu, l->x, l->y, dy, l->weight, dweight, dbias, writing::set, dx, writing::set);
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
    auto const small = layers_of_small(n, 300, 400);
    add_convs(small.backbone);
    add_convs(small.rpn);
  }
  auto const vgg = layers_of_vgg16_tv(1, 600, 800);
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
