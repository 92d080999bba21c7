#pragma once
// Feature pyramid over a backbone of several maps (Feature Pyramid Networks, Lin et al. 2017, section 3), as torchvision builds it.
//
//   c[l]          the body's maps, finest first
//   sum[l]        1 x 1 convolution of c[l], plus sum[l + 1] enlarged to its extents (ops/upsample.hpp)
//   map[l]        3 x 3 convolution of sum[l], `channels` channels                    l = 0 .. L-1: P2 .. P5 on ResNet
//   map[L]        every second cell of map[L-1]: P6, which proposals alone read
// No ReLU. With batch normalisation behind each convolution, frozen, where options.epsilon says.
//
//   BB   a backbone with visit_layers(visit), its parameters without their first scope: they are called "backbone.body.*" here
// The pyramid's are "backbone.fpn.inner_blocks.L.0.weight", "backbone.fpn.layer_blocks.L.0.weight", ...: torchvision's names.
// Initialisation: convolutions Kaiming uniform with a = 1, that is a deviation of 1 / sqrt(fan in); biases 0.
// Source: torchvision 0.29, ops/feature_pyramid_network.py, with LastLevelMaxPool.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/conv_norm.hpp"
#include "frcnn/ops/max_pool.hpp"
#include "frcnn/ops/upsample.hpp"

#include <cmath>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::backbone {

struct fpn_options {
  int channels = 256;
  std::optional<double> epsilon{};  // of batch normalisation; none: the convolutions have biases
};

template <class BB>
class fpn {
  static constexpr int sums = BB::levels;
  using T = scalar_of<BB>;
  using B = device_of<BB>;
  using map = activation<T, B>;
  using conv = nn::conv_norm<T, B>;

 public:
  using scalar = T;
  using device = B;
  using rules = typename BB::rules;
  using context = typename B::context;
  using body_type = BB;
  static constexpr int levels = sums + 1;
  using features_type = features<T, B, any_channels, levels>;
  static constexpr int channels(int) { return any_channels; }

  struct tape {
    typename BB::tape body;
    maps<T, sums, B> of_body{}, sum{}, out{};
    buffer<T, B> body_memory[sums], sum_memory[sums];
    buffer<std::int32_t, B> argmax;
  };

  explicit fpn(BB body, fpn_options o = {}) : body_(std::move(body)), channels_(o.channels) {
    for (int l = 0; l < sums; ++l) {
      lateral_.push_back(layer({channels_of_map(body_, l), channels_, 1}, o));
      smooth_.push_back(layer({channels_, channels_, 3, 1, 1}, o));
    }
    nn::take_bias_multipliers<rules>(*this);
  }

  BB const& body() const { return body_; }
  int map_channels(int) const { return channels_; }
  int stride(int l) const { return l < sums ? body_.stride(l) : 2 * body_.stride(sums - 1); }
  shape<4> map_shape(int l, shape<4> pixels) const {
    shape<4> s = body_.map_shape(std::min(l, sums - 1), pixels);
    s[1] = channels_;
    return l < sums ? s : every_second.out_shape(s);
  }

  void infer(context& c, batch<T, B> im, maps<T, levels, B> const& f) const {
    typename context::frame scope(c);
    maps<T, sums, B> body{}, sum{};
    for (int l = 0; l < sums; ++l) {
      body.level[l] = c.template make<T>(body_.map_shape(l, im.pixels.dims));
      sum.level[l] = c.template make<T>(f.level[l].dims);
    }
    body_.infer(c, im, body);
    join(c, body, sum, f);
    ops::max_pool<B>::template forward<T>(c, every_second, f.level[sums - 1], f.level[sums], view<std::int32_t, 1, B>{});
  }

  void forward(context& c, batch<T, B> im, maps<T, levels, B> const& f, tape& t) const {
    for (int l = 0; l < sums; ++l) {
      t.of_body.level[l] = t.body_memory[l].map(c, body_.map_shape(l, im.pixels.dims));
      t.sum.level[l] = t.sum_memory[l].map(c, f.level[l].dims);
      t.out.level[l] = f.level[l];
    }
    body_.forward(c, im, t.of_body, t.body);
    join(c, t.of_body, t.sum, f);
    ops::max_pool<B>::template forward<T>(c, every_second, f.level[sums - 1], f.level[sums], winners(c, t, f.level[sums].dims));
  }

  // The finest map first: each sum's gradient is whole when that of the map above is begun.
  void backward(context& c, tape& t, maps<T, levels, B>& d, writing gradients = writing::set) {
    typename context::frame scope(c);
    ops::max_pool<B>::template backward<T>(c, every_second, winners(c, t, d.level[sums].dims), d.level[sums], d.level[sums - 1],
                                           writing::add);
    maps<T, sums, B> dbody{};
    bool body_learns = false;
    map finer{};  // the gradient of the sum below
    for (int l = 0; l < sums; ++l) {
      auto const dsum = c.template make<T>(d.level[l].dims);
      smooth_[l].backward(c, t.sum.level[l], t.out.level[l], d.level[l], dsum, writing::set, gradients);
      if (l > 0) ops::upsample<B>::template backward<T>(c, finer, dsum, writing::add);
      if (body_wants(l)) {
        dbody.level[l] = c.template make<T>(t.of_body.level[l].dims);
        body_learns = true;
      }
      lateral_[l].backward(c, t.of_body.level[l], t.sum.level[l], dsum, dbody.level[l], writing::set, gradients);
      for (auto* const one : {&smooth_[l], &lateral_[l]}) one->weight.gradient_done(c), one->bias.gradient_done(c);
      finer = dsum;
    }
    if (body_learns) body_.backward(c, t.body, dbody, gradients);
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("backbone");
    visit.enter("body");
    body_.visit_layers(visit);
    visit.leave();
    visit.enter("fpn");
    for (auto* const layers : {&lateral_, &smooth_}) {
      visit.enter(layers == &lateral_ ? "inner_blocks" : "layer_blocks");
      for (std::size_t l = 0; l < layers->size(); ++l) {
        visit.enter(std::to_string(l));
        (*layers)[l].for_each_param(visit, "0", "1");
        visit.leave();
      }
      visit.leave();
    }
    visit.leave();
    visit.leave();
  }

 private:
  static constexpr pool_spec every_second{1, 2, 0, false};

  static conv layer(conv2d_spec spec, fpn_options const& o) {
    return {spec, initializer::uniform(std::sqrt(3.0 / static_cast<double>(spec.fan_in()))), o.epsilon};
  }
  bool body_wants(int l) const {
    if constexpr (requires { body_.wants(l); }) return body_.wants(l);
    else return true;
  }
  static view<std::int32_t, 1, B> winners(context& c, tape& t, shape<4> s) {
    return t.argmax.shaped(c, shape<1>{{checked::extent(checked::elements(s))}});
  }
  // The coarsest map first. A sum starts as the one above it, enlarged, to which the lateral convolution adds.
  void join(context& c, maps<T, sums, B> const& body, maps<T, sums, B> const& sum, maps<T, levels, B> const& f) const {
    for (int l = sums - 1; l >= 0; --l) {
      bool const adds = l + 1 < sums;
      if (adds) ops::upsample<B>::template forward<T>(c, sum.level[l + 1], sum.level[l]);
      lateral_[l].forward(c, body.level[l], sum.level[l], adds ? sum.level[l] : map{});
      smooth_[l].forward(c, sum.level[l], f.level[l]);
    }
  }

  BB body_;
  int channels_;
  std::vector<conv> lateral_, smooth_;
};

}  // namespace frcnn::backbone
FRCNN_HIDDEN_END
