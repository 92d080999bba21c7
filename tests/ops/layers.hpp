#pragma once
// What is measured: the layers of the plain presets with the shapes that they meet, read off the presets' own chains.
//
//   layers_of_small(2, 300, 400): conv 3->32/2 at [2,3,320,416], conv 32->64/2 at [2,32,160,208], ...
// H, W: an image as the network is given it; padded here to multiples of 32.
#include <frcnn/backbone/plain.hpp>
#include <frcnn/geometry/conventions.hpp>
#include <frcnn/ops/conv2d.hpp>
#include <frcnn/ops/max_pool.hpp>

#include <string>
#include <vector>

namespace ops_described {

struct conv_layer {
  frcnn::conv2d_spec spec;
  frcnn::shape<4> x;
  std::string where;  // "small conv3"
  bool wants_dx = true;

  double flops() const { return spec.operations(x); }
};
struct pool_layer {
  frcnn::pool_spec spec;
  frcnn::shape<4> x;
  std::string where;
};
struct layers {
  std::vector<conv_layer> backbone, rpn;
  std::vector<pool_layer> pools;
  frcnn::shape<4> map{};

  static double flops(std::vector<conv_layer> const& some) {
    double sum = 0;
    for (auto const& l : some) sum += l.flops();
    return sum;
  }
};

inline frcnn::shape<4> padded(int n, int h, int w) {
  constexpr int d = frcnn::conventions::torchvision::size_divisor;
  return {{n, 3, (h + d - 1) / d * d, (w + d - 1) / d * d}};
}

inline layers layers_of(std::string const& name, frcnn::backbone::chain const& chain, int n, int h, int w, int anchors = 9) {
  layers all;
  frcnn::shape<4> x = padded(n, h, w);
  for (auto const& s : frcnn::backbone::rounded<frcnn::conventions::torchvision>(chain).layers) {
    if (is_pool(s.kind)) {
      all.pools.push_back(
          {{s.kernel, s.stride, s.pad, s.kind == frcnn::layer_kind::pool_ceil}, x, name + " pool" + std::to_string(all.pools.size() + 1)});
      x = all.pools.back().spec.out_shape(x);
    } else if (s.kind == frcnn::layer_kind::conv) {
      std::string const where = name + " conv" + std::to_string(all.backbone.size() + 1);
      all.backbone.push_back({{x[1], s.channels, s.kernel, s.stride, s.pad, true}, x, where, !all.backbone.empty()});
      x = all.backbone.back().spec.out_shape(x);
    }
  }
  all.map = x;
  all.rpn = {{{x[1], x[1], 3, 1, 1, true}, x, name + " rpn.conv"}, {{x[1], 5 * anchors, 1}, x, name + " rpn.cls_logits and bbox_pred"}};
  return all;
}

inline layers layers_of_small(int n, int h, int w) { return layers_of("small", frcnn::backbone::small_chain(), n, h, w); }
inline layers layers_of_vgg16_tv(int n, int h, int w) { return layers_of("vgg16_tv", frcnn::backbone::vgg16_tv_chain(), n, h, w); }

template <class Preset>
frcnn::backbone::chain chain_of_preset() {
  return Preset::config({"any"}).chain;
}
template <class Preset>
layers layers_of_preset(int n, int h, int w) {
  return layers_of(Preset::name, chain_of_preset<Preset>(), n, h, w);
}

}  // namespace ops_described
