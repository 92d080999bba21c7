#pragma once
// ResNet with bottleneck blocks: He et al. 2016, as torchvision builds it, with frozen batch normalisation.
//
//   stem      7 x 7 / 2 convolution of `width` channels, 3 x 3 / 2 max pool
//   stage i   layout.blocks[i] bottlenecks of width << i, 4 as many channels out, stride 1 for the first stage and 2 for the others
//   maps      Levels == 1: that of the last stage; else one of each stage, strides 4, 8, 16, 32
// Normalisation never learns: its statistics are buffers (nn/conv_norm.hpp). Parameters carry torchvision's names under "backbone.":
// conv1.weight, bn1.running_mean, layer1.0.conv1.weight, layer1.0.downsample.0.weight, ...
// Throws error for a layout that is none.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/residual_stage.hpp"
#include "frcnn/ops/max_pool.hpp"

#include <array>
#include <cmath>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::backbone {

struct resnet_layout {
  std::array<int, 4> blocks{3, 4, 6, 3};
  int stages = 4;  // that are there
  int width = 64;
  double epsilon = 1e-5;  // of batch normalisation

  int stride() const { return 2 << stages; }
  int channels(int stage) const { return 4 * width << stage; }
  // The stage behind `before` others; of the network's last, too, which a head may have (roi/deep_pooler.hpp).
  nn::stage_spec stage(int before) const {
    int all = 0;
    for (int const n : blocks) all += n;
    return {before ? channels(before - 1) : width,  width << before, blocks[static_cast<std::size_t>(before)], before ? 2 : 1, epsilon,
            1 / std::sqrt(static_cast<double>(all))};
  }

  // "resnet 3 4 6 3 width 64": what a model file says of it.
  std::string description() const {
    std::string text = "resnet";
    for (int i = 0; i < stages; ++i) text += ' ' + std::to_string(blocks[static_cast<std::size_t>(i)]);
    return text + " width " + std::to_string(width);
  }
};
inline resnet_layout resnet50_layout() { return {}; }
inline resnet_layout resnet101_layout() { return {{3, 4, 23, 3}}; }

template <int Levels, Real T, Backend B, class Rules = conventions::torchvision>
class resnet {
  static_assert(Levels >= 1 && Levels <= 4);
  using map = activation<T, B>;

 public:
  using scalar = T;
  using device = B;
  using rules = Rules;
  using context = typename B::context;
  using features_type = features<T, B, any_channels, Levels>;
  static constexpr int levels = Levels;
  static constexpr int channels(int) { return any_channels; }

  // Inputs of all layers from the first that learns; the caller keeps the maps.
  struct tape {
    map pixels{}, stem{}, pooled{};
    std::array<map, 4> out{};  // of each stage
    buffer<T, B> pixel_memory, stem_memory, pooled_memory;
    buffer<std::int32_t, B> argmax;
    std::array<buffer<T, B>, 4> memory;  // of those that are not the caller's
    std::array<typename nn::residual_stage<T, B>::tape, 4> stage;
  };

  // in: channels of the images.
  explicit resnet(resnet_layout layout, int in = 3)
      : layout_(layout), conv1_({in, layout.width, 7, 2, 3, true}, nn::kaiming_normal(49 * layout.width), layout.epsilon) {
    if (layout.stages < 1 || layout.stages > 4 || (Levels > 1 && layout.stages != Levels))
      throw error("resnet", Levels > 1 ? "a stage for each of its " + std::to_string(Levels) + " maps" : std::string("1 to 4 stages"),
                  std::to_string(layout.stages));
    for (int s = 0; s < layout.stages; ++s) stages_.emplace_back(layout.stage(s));
    nn::take_bias_multipliers<Rules>(*this);
  }

  resnet_layout const& layout() const { return layout_; }
  int stride(int l) const { return 4 << stage_of(l); }
  int map_channels(int l) const { return layout_.channels(stage_of(l)); }
  shape<4> map_shape(int l, shape<4> pixels) const { return out_shape(stage_of(l), pixels); }

  void infer(context& c, batch<T, B> im, maps<T, Levels, B> const& f) const {
    typename context::frame scope(c);
    map at = c.template make<T>(pooled_shape(im.pixels.dims));
    run_stem(c, im, at);
    for (int s = 0; s < layout_.stages; ++s) {
      map const to = is_map(s) ? f.level[level_of(s)] : c.template make<T>(out_shape(s, im.pixels.dims));
      stage(s).infer(c, at, to);
      at = to;
    }
  }

  // What is frozen before the first layer that learns runs as in inference.
  void forward(context& c, batch<T, B> im, maps<T, Levels, B> const& f, tape& t) const {
    t.pooled = t.pooled_memory.map(c, pooled_shape(im.pixels.dims));
    if (conv1_.learns()) {
      t.pixels = t.pixel_memory.map(c, im.pixels.dims);
      c.from_plain(im.pixels, t.pixels);
      t.stem = t.stem_memory.map(c, conv1_.out_shape(im.pixels.dims));
      conv1_.forward(c, t.pixels, t.stem);
      ops::max_pool<B>::template forward<T>(c, pool, t.stem, t.pooled, winners(c, t));
    } else {
      run_stem(c, im, t.pooled);
    }
    int const first = first_to_learn();
    map at = t.pooled;
    for (int s = 0; s < layout_.stages; ++s) {
      shape<4> const to = out_shape(s, im.pixels.dims);
      t.out[s] = is_map(s) ? f.level[level_of(s)] : t.memory[s].map(c, to);
      if (s < first) stage(s).infer(c, at, t.out[s]);
      else stage(s).forward(c, at, t.out[s], t.stage[s]);
      at = t.out[s];
    }
  }

  // Whether backward reads the gradient of map l: something before it learns.
  bool wants(int l) const { return first_to_learn() <= stage_of(l); }

  void backward(context& c, tape& t, maps<T, Levels, B>& d, writing gradients = writing::set) {
    typename context::frame scope(c);
    int const first = first_to_learn();
    map dpooled = conv1_.learns() ? c.template make<T>(t.pooled.dims) : map{};
    map dy = d.level[Levels - 1];
    for (int s = layout_.stages - 1; s >= first; --s) {
      bool const adds = s > 0 && is_map(s - 1);  // to what the other readers of that map have given
      map const dx = s == 0 ? dpooled : s == first ? map{} : adds ? d.level[level_of(s - 1)] : c.template make<T>(t.out[s - 1].dims);
      stages_[static_cast<std::size_t>(s)].backward(c, t.stage[s], dy, dx, adds ? writing::add : writing::set, gradients);
      dy = dx;
    }
    if (!conv1_.learns()) return;
    auto const dstem = c.template make<T>(t.stem.dims);
    ops::max_pool<B>::template backward<T>(c, pool, winners(c, t), dpooled, dstem, writing::set);
    conv1_.backward(c, t.pixels, t.stem, dstem, {}, writing::set, gradients);
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("backbone");
    visit_layers(visit);
    visit.leave();
  }
  // Without "backbone".
  template <class V>
  void visit_layers(V&& visit) {
    conv1_.for_each_param(visit, "conv1", "bn1");
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      visit.enter("layer" + std::to_string(s + 1));
      stages_[s].for_each_param(visit);
      visit.leave();
    }
  }

 private:
  static constexpr pool_spec pool{3, 2, 1, false};

  nn::residual_stage<T, B> const& stage(int s) const { return stages_[static_cast<std::size_t>(s)]; }
  int stage_of(int l) const { return Levels == 1 ? layout_.stages - 1 : l; }
  int level_of(int s) const { return Levels == 1 ? 0 : s; }
  bool is_map(int s) const { return Levels > 1 || s + 1 == layout_.stages; }

  shape<4> pooled_shape(shape<4> pixels) const { return pool.out_shape(conv1_.out_shape(pixels)); }
  shape<4> out_shape(int s, shape<4> pixels) const {
    shape<4> at = pooled_shape(pixels);
    for (int i = 0; i <= s; ++i) at = stage(i).out_shape(at);
    return at;
  }
  static view<std::int32_t, 1, B> winners(context& c, tape& t) {
    return t.argmax.shaped(c, shape<1>{{checked::extent(checked::elements(t.pooled.dims))}});
  }
  void run_stem(context& c, batch<T, B> im, map const& pooled) const {
    typename context::frame scope(c);
    auto const pixels = c.template make<T>(im.pixels.dims), stem = c.template make<T>(conv1_.out_shape(im.pixels.dims));
    c.from_plain(im.pixels, pixels);
    conv1_.forward(c, pixels, stem);
    ops::max_pool<B>::template forward<T>(c, pool, stem, pooled, view<std::int32_t, 1, B>{});
  }
  // The first stage behind which something learns: backward goes down to it.
  int first_to_learn() const {
    int s = 0;
    if (!conv1_.learns())
      while (s < layout_.stages && !stage(s).learns()) ++s;
    return s;
  }

  resnet_layout layout_;
  nn::conv_norm<T, B> conv1_;
  std::vector<nn::residual_stage<T, B>> stages_;
};

}  // namespace frcnn::backbone
FRCNN_HIDDEN_END
