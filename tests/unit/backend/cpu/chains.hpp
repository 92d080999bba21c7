#pragma once
// Chains of convolutions and pools with numbers, run in every way that there is.
#include "frcnn/backend/cpu/conv_chain.hpp"

#include "../../../ops/conv_chain.hpp"
#include "tensors.hpp"

namespace cpu_tests {

using link = ops_described::conv_chain::link;
inline link convolution(int channels, int out_channels, int stride = 1, bool relu = true) {
  return ops_described::conv_chain::convolution(channels, out_channels, stride, relu);
}
inline link halving(bool ceil = false) { return ops_described::conv_chain::halving(ceil); }

template <class T>
struct chain {
  std::vector<link> links;
  std::vector<std::vector<T>> weights, biases;
  std::vector<std::unique_ptr<kept_weights>> kept;
  shape<4> xs, ys;
  std::vector<T> x;

  chain(std::vector<link> those, shape<4> in) : links(std::move(those)), xs(in), ys(in) {
    for (auto const& l : links) {
      std::uint64_t const stream = 10 + weights.size();
      std::size_t const taps = static_cast<std::size_t>(l.conv.kernel) * l.conv.kernel * l.conv.in_channels;
      std::size_t const size = is_pool(l.kind) ? 0 : taps * l.conv.out_channels;
      weights.push_back(rounded(normals<float>(size, stream, is_pool(l.kind) ? 1 : std::sqrt(2. / static_cast<double>(taps)))));
      biases.push_back(rounded(normals<float>(is_pool(l.kind) ? 0 : l.conv.out_channels, 100 + stream, .2)));
      kept.push_back(std::make_unique<kept_weights>());
      ys = l.out_shape(ys);
    }
    x = rounded(normals<float>(xs.size(), 1));
  }

  std::vector<chain_layer<T, cpu>> layers(bool keep = false) const {
    std::vector<chain_layer<T, cpu>> all;
    for (std::size_t i = 0; i < links.size(); ++i) {
      auto const of = [](std::vector<T> const& v) { return view<T const, 1, cpu>{v.data(), {{static_cast<std::int32_t>(v.size())}}}; };
      if (is_pool(links[i].kind)) all.push_back(chain_layer<T, cpu>::of_pool(links[i].pool));
      else
        all.push_back(
            {.conv = links[i].conv, .weight = of(weights[i]), .bias = of(biases[i]), .keep = keep ? kept[i].get() : nullptr, .version = 1});
    }
    return all;
  }
  std::vector<T> forward(cpu::context& c, bool keep = false) const {
    poison(c, std::size_t{16} << 20);
    auto const s = layers(keep);
    tensor<T> tx(c, xs, x), ty(c, ys, nans<T>(ys.size()));
    ops::conv_chain<cpu>::forward<T>(c, s, tx.a, ty.a);
    return ty.plain();
  }
  // Each layer by its own op, every map whole.
  std::vector<T> layer_by_layer(cpu::context& c) const {
    auto v = x;
    shape<4> s = xs;
    for (auto const& layer : layers()) {
      shape<4> const out = layer.out_shape(s);
      tensor<T> tx(c, s, v), ty(c, out, nans<T>(out.size()));
      if (layer.is_pool()) ops::max_pool<cpu>::forward<T>(c, layer.pool, tx.a, ty.a, view<std::int32_t, 1, cpu>{});
      else ops::conv2d<cpu>::forward<T>(c, layer.conv, tx.a, layer.weight, layer.bias, ty.a);
      v = ty.plain();
      s = out;
    }
    return v;
  }

 private:
  static std::vector<T> rounded(std::vector<float> const& v) { return {v.begin(), v.end()}; }  // both scalars compute with the same numbers
};

}  // namespace cpu_tests
