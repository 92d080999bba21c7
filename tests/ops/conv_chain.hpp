#pragma once
#include "frcnn/ops/conv_chain.hpp"

#include "add_maps.hpp"
#include "conv2d.hpp"
#include "lrn.hpp"
#include "max_pool.hpp"

namespace ops_described {

struct conv_chain : operation {
  static constexpr char const *name = "conv_chain",
                              *computes = "convolutions, pools, normalisations and sums in a row; maps in between are not kept",
                              *refuses = "a layer that adds what is not there or has another shape";
  static std::string by(std::string_view column) {
    return column == "fast" ? "runs of Winograd layers, and a pool behind them, in strips (`fast/conv_chain.hpp`); else layer by layer"
                            : "layer by layer";
  }
  static constexpr double tolerance = 5e-5;
  static constexpr bool has_products = true;

  // A layer without its memory.
  struct link {
    layer_kind kind = layer_kind::conv;
    conv2d_spec conv{};
    pool_spec pool{};
    lrn_spec lrn{};
    int from = -1;  // add
    bool relu = false;

    template <class T, class B>
    chain_layer<T, B> chained() const {
      if (kind == layer_kind::lrn) return chain_layer<T, B>::of_lrn(lrn);
      if (kind == layer_kind::add) return chain_layer<T, B>::of_add(from, relu);
      if (is_pool(kind)) return chain_layer<T, B>::of_pool(pool);
      chain_layer<T, B> s;
      s.conv = conv;
      return s;
    }
    shape<4> out_shape(shape<4> in) const {
      return kind == layer_kind::conv ? conv.out_shape(in) : is_pool(kind) ? pool.out_shape(in) : in;
    }
  };
  static link convolution(int channels, int out_channels, int stride = 1, bool relu = true) {
    return {.kind = layer_kind::conv, .conv = {channels, out_channels, 3, stride, 1, relu}};
  }
  static link pool(pool_spec const& p) { return {.kind = pool_kind(p.ceil), .pool = p}; }
  static link halving(bool ceil = false) { return pool({2, 2, 0, ceil}); }
  static link normalisation() { return {.kind = layer_kind::lrn, .lrn = {3, .5, .75, 1}}; }
  static link add(int from, bool relu) { return {.kind = layer_kind::add, .from = from, .relu = relu}; }

  struct problem {
    std::vector<link> links;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    return {
        {{convolution(3, 5)}, {{2, 3, 7, 6}}},                           // one layer
        {{halving(), convolution(3, 16), halving()}, {{1, 3, 23, 18}}},  // a pool first; a pool behind a layer that is not Winograd's
        {{convolution(3, 16, 2), convolution(16, 16, 2), convolution(16, 32)}, {{2, 3, 30, 41}}},  // strides
        {{convolution(16, 32), halving(), convolution(32, 16, 1, false)}, {{2, 16, 13, 10}}},      // not tall
        one_row(),
        low(),
        halved_up(2, 6, 8),
        halved_up(1, 6, 9),
        halved_up(1, 5, 8),
        {{convolution(3, 16), convolution(16, 16), halving(), convolution(16, 32), convolution(32, 16), halving()},
         {{1, 3, 250, 9}}},  // tall, then not
        residual_blocks(),
    };
  }
  // A convolution and its pool: of one row, less than the pool's window; low; of many channels; with a pool that rounds up, which changes
  // nothing for even sides.
  static problem one_row() { return {{convolution(16, 16), halving()}, {{1, 16, 1, 9}}}; }
  static problem low() { return {{convolution(16, 16), halving()}, {{2, 16, 5, 6}}}; }
  static problem of_many_channels() { return {{convolution(256, 512), halving()}, {{1, 256, 7, 6}}}; }
  static problem halved_up(int images, int height, int width) {
    return {{convolution(16, 16), halving(true)}, {{images, 16, height, width}}};
  }
  // A block of two convolutions beside its input, twice: the first adds the chain's input, the second what the first block gave. Then
  // Caffe's pool and normalisation, and a sum of a map and itself.
  static problem residual_blocks() {
    return {{convolution(16, 16), convolution(16, 16, 1, false), add(-1, true), convolution(16, 16), convolution(16, 16, 1, false),
             add(2, true), normalisation(), pool({3, 2, 0, true}), add(7, false)},
            {{2, 16, 250, 9}}};
  }
  static std::vector<timed<problem>> measured() {
    std::vector<timed<problem>> all;
    auto const first = [&](std::string const& name, backbone::chain const& chain, int count, int h, int w) {
      problem p{{}, padded(1, h, w)};
      auto const layers = backbone::rounded<conventions::torchvision>(chain).layers;
      for (int i = 0; i < (count ? count : static_cast<int>(layers.size())); ++i) {
        auto const& of = layers[static_cast<std::size_t>(i)];
        p.links.push_back(is_pool(of.kind)
                              ? pool({of.kernel, of.stride, of.pad, of.kind == layer_kind::pool_ceil})
                              : link{.kind = layer_kind::conv, .conv = {out_shape(p)[1], of.channels, of.kernel, of.stride, of.pad, true}});
      }
      all.push_back({p, name + ", the first " + std::to_string(p.links.size()) + " layers"});
    };
    first("vgg16_tv", backbone::vgg16_tv_chain(), 3, 600, 800);
    first("vgg16_tv", backbone::vgg16_tv_chain(), 6, 600, 800);
    first("small", backbone::small_chain(), 0, 300, 400);
    return all;
  }
  static std::string text(problem const& p) { return ops_described::text(p.x) + "-" + std::to_string(p.links.size()); }
  // The maps, then weights and bias of each convolution.
  static std::vector<array> inputs(problem const& p) {
    std::vector<array> all{{p.x}};
    for (std::size_t i = 0; i < p.links.size(); ++i) {
      if (p.links[i].kind != layer_kind::conv) continue;
      auto w = conv2d::weights(p.links[i].conv), b = plain(p.links[i].conv.out_channels);
      w.values = scaled(w, i, std::sqrt(2.f / static_cast<float>(p.links[i].conv.fan_in()))), b.values = scaled(b, 100 + i, .2f);
      all.push_back(w), all.push_back(b);
    }
    return all;
  }
  static shape<4> out_shape(problem const& p) {
    shape<4> s = p.x;
    for (auto const& l : p.links) s = l.out_shape(s);
    return s;
  }
  static std::vector<array> outputs(problem const& p) { return {{out_shape(p)}}; }
  static double flops(problem const& p) {
    double sum = 0;
    shape<4> s = p.x;
    for (auto const& l : p.links) {
      if (l.kind == layer_kind::conv) sum += l.conv.operations(s);
      s = l.out_shape(s);
    }
    return sum;
  }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    std::vector<chain_layer<T, B>> layers;
    std::size_t next = 1;
    for (auto const& l : p.links) {
      layers.push_back(l.chained<T, B>());
      if (l.kind == layer_kind::conv) layers.back().weight = r.in[next].row(), layers.back().bias = r.in[next + 1].row(), next += 2;
    }
    frcnn::ops::conv_chain<B>::template forward<T>(r.c, std::span<chain_layer<T, B> const>(layers), r.in[0].map(), r.out[0].map());
  }
  // Layer by layer, as their descriptions define them.
  static doubles whole(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&) {
    std::vector<doubles> maps{in[0]};  // the chain's input, and what each layer gives
    shape<4> s = p.x;
    std::size_t next = 1;
    for (auto const& l : p.links) {
      shape<4> const out = l.out_shape(s);
      doubles y(out.size());
      std::vector<doubles> x{maps.back()};
      for (std::size_t at = 0; at < y.size(); ++at) {
        if (l.kind == layer_kind::conv && at == 0) x.push_back(in[next]), x.push_back(in[next + 1]), next += 2;
        if (l.kind == layer_kind::add && at == 0) x.push_back(maps[static_cast<std::size_t>(l.from + 1)]);
        y[at] = l.kind == layer_kind::conv  ? conv2d::defined({l.conv, s}, x, {}, at)
                : l.kind == layer_kind::lrn ? lrn::defined({l.lrn, s}, x, {}, at)
                : l.kind == layer_kind::add ? add_maps::defined({l.relu, s}, x, {}, at)
                                            : max_pool::defined({l.pool, s}, x, {}, at);
      }
      maps.push_back(std::move(y));
      s = out;
    }
    return maps.back();
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    for (auto const& links : {std::vector<link>{normalisation(), add(1, false)}, std::vector<link>{halving(), add(-1, false)}})
      all.push_back([links](typename B::context& c) {
        std::vector<chain_layer<float, B>> layers;
        for (auto const& l : links) layers.push_back(l.template chained<float, B>());
        shape<4> const s{{1, 2, 4, 4}};
        frcnn::ops::conv_chain<B>::template forward<float>(c, std::span<chain_layer<float, B> const>(layers),
                                                           c.template make_at<float>(nullptr, s), c.template make_at<float>(nullptr, s));
      });
    return all;
  }

 private:
  static std::vector<float> scaled(array const& a, std::uint64_t seed, float by) {
    auto v = contents<float>(a, seed);
    for (float& x : v) x *= by;
    return v;
  }
};

}  // namespace ops_described
