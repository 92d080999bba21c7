// Convolutions and pools in a row, as a backbone runs them in inference: against the same layers one by one.
#include "cases.hpp"
#include "suite.hpp"

#include <frcnn/ops/conv_chain.hpp>

#include <memory>

namespace bench {
namespace {

using layer = frcnn::chain_layer<float, device>;

void add_chain(std::string const& name, std::vector<frcnn::backbone::layer> const& preset, int count, int h, int w) {
  shape<4> const in = padded(1, h, w);
  add(op_name("conv_chain", text(in) + "-" + std::to_string(count)), benchmark::kMicrosecond, [=](context& c) {
    struct chain {
      std::vector<layer> layers;
      std::vector<frcnn::ops::conv2d<device>::kept> kept;
      activation x, y;
    };
    auto const all = std::make_shared<chain>();
    all->kept = std::vector<frcnn::ops::conv2d<device>::kept>(static_cast<std::size_t>(count));
    shape<4> s = in;
    double flops = 0, weights = 0;
    for (int i = 0; i < count; ++i) {
      auto const& of = preset[static_cast<std::size_t>(i)];
      layer next;
      if (is_pool(of.kind)) {
        next = layer::of_pool({of.kernel, of.stride, of.pad, of.kind == frcnn::layer_kind::pool_ceil});
      } else {
        next.conv = {s[1], of.channels, of.kernel, of.stride, of.pad, true};
        int const taps = of.kernel * of.kernel * s[1];
        auto const bound = static_cast<float>(std::sqrt(6. / taps));
        auto const seed = static_cast<std::uint64_t>(i);
        next.weight = uploaded(c, numbers(static_cast<std::size_t>(taps) * static_cast<std::size_t>(of.channels), -bound, bound, seed));
        next.bias = uploaded(c, numbers(static_cast<std::size_t>(of.channels), -.1f, .1f, seed));
        next.keep = &all->kept[static_cast<std::size_t>(i)];
        weights += static_cast<double>(next.weight.size());
      }
      flops += next.operations(s);
      s = next.out_shape(s);
      all->layers.push_back(next);
    }
    all->x = activated(c, in, numbers(in.size(), 0, 1));
    all->y = c.make<float>(s);
    return job{.run = [=, &c] { frcnn::ops::conv_chain<device>::forward<float>(c, std::span<layer const>(all->layers), all->x, all->y); },
               .wrong =
                   [=, &c] {  // convolutions alone are checked against their definition
                     auto const found = downloaded(c, all->y);
                     context plain({.threads = threads(), .engine = frcnn::cpu_engine::portable});
                     context::frame const scope(plain);
                     auto x = all->x;
                     for (auto const& one : all->layers) {
                       auto const y = plain.make<float>(one.out_shape(x.dims));
                       if (one.is_pool())
                         frcnn::ops::max_pool<device>::forward<float>(plain, one.pool, x, y, view<std::int32_t, 1, device>{});
                       else frcnn::ops::conv2d<device>::forward<float>(plain, one.conv, x, one.weight, one.bias, y);
                       x = y;
                     }
                     auto const expected = downloaded(plain, x);
                     double apart = 0;
                     for (std::size_t i = 0; i < found.size(); ++i)
                       apart = std::max(apart, std::abs(static_cast<double>(found[i]) - expected[i]));
                     return not_equal("the largest difference from layers one by one", apart, 0, 1e-3) + not_finite(found);
                   },
               .flops = flops,
               .bytes = bytes(elements(in) + elements(s) + weights),
               .label = name + ", the first " + std::to_string(count) + " layers"};
  });
}

}  // namespace

void add_chains() {
  auto const small = frcnn::backbone::small_chain(),
             vgg = frcnn::backbone::rounded<frcnn::conventions::torchvision>(frcnn::backbone::vgg16_tv_chain());
  add_chain("vgg16_tv", vgg.layers, 3, 600, 800);
  add_chain("vgg16_tv", vgg.layers, 6, 600, 800);
  add_chain("small", small.layers, static_cast<int>(small.layers.size()), 300, 400);
}

}  // namespace bench
