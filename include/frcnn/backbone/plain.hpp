#pragma once
// Backbones that are one chain of convolutions, max pools and local response normalisations: `small`, VGG-16.
//
// A Spec names the chain at compile time:
//   struct my_spec {
//     static constexpr char const* name = "mine";
//     static constexpr backbone::stage stages[] = {backbone::conv(32, 3, 2), backbone::pool(2, 2), backbone::conv(64, 3)};
//     static constexpr int frozen = 0;                    // convolutions, from the first, that never learn
//   };
// Pools round as the convention does, unless the stage says: pool(2, 2, 0, true) rounds up. Biases learn as the convention has it.
// Every convolution is followed by ReLU. Parameters carry torchvision's names: position in a Sequential of convolution, ReLU, pool, normalisation.
// Only the last map leaves (one level).
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/conv.hpp"
#include "frcnn/ops/max_pool.hpp"

#include <array>
#include <cstdio>
#include <iterator>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::backbone {

struct stage {
  stage_kind kind = stage_kind::conv;
  int channels = 0, kernel = 1, stride = 1, pad = 0;
  lrn_spec normalise{};
  bool rounds_by_convention = false;  // a pool: up or down, where no window ends at the border
};
constexpr stage conv(int channels, int kernel = 3, int stride = 1) { return {stage_kind::conv, channels, kernel, stride, kernel / 2}; }
constexpr stage pool(int kernel = 2, int stride = 2, int pad = 0) { return {pool_kind(false), 0, kernel, stride, pad, {}, true}; }
constexpr stage pool(int kernel, int stride, int pad, bool ceil) { return {pool_kind(ceil), 0, kernel, stride, pad}; }
constexpr stage lrn(lrn_spec const& s = {}) { return {stage_kind::lrn, 0, 1, 1, 0, s}; }

// "conv 64 3x3/1 pad 1, pool 2x2/2 pad 0 floor": what a model file says of its backbone.
inline std::string description(std::span<stage const> stages) {
  std::string text;
  for (auto const& s : stages) {
    auto const kernel = std::to_string(s.kernel);
    text += text.empty() ? "" : ", ";
    if (s.kind == stage_kind::lrn) {
      char numbers[128];
      std::snprintf(numbers, sizeof numbers, "lrn %d alpha %.9g beta %.9g k %.9g", s.normalise.size, s.normalise.alpha, s.normalise.beta,
                    s.normalise.k);
      text += numbers;
      continue;
    }
    text += is_pool(s.kind) ? "pool " : "conv " + std::to_string(s.channels) + " ";
    text += kernel + "x" + kernel + "/" + std::to_string(s.stride) + " pad " + std::to_string(s.pad);
    if (is_pool(s.kind)) text += s.kind == stage_kind::pool_ceil ? " ceil" : " floor";
  }
  return text;
}

template <class Spec, Real T, Backend B, class Rules = conventions::torchvision>
class plain {
  static constexpr int depth = static_cast<int>(std::size(Spec::stages));
  // The chain with its pools' rounding settled.
  static constexpr std::array<stage, depth> chain = [] {
    std::array<stage, depth> all{};
    for (int i = 0; i < depth; ++i) {
      all[i] = Spec::stages[i];
      if (all[i].rounds_by_convention) all[i].kind = pool_kind(Rules::ceil_pooling);
    }
    return all;
  }();
  static_assert(
      [] {
        for (auto const& s : chain)
          if (s.kind == stage_kind::add) return false;
        return true;
      }(),
      "frcnn: backbone::plain has no residual blocks: its stages are convolutions, pools and lrn (ops::conv_chain runs a stage add)");

 public:
  using scalar = T;
  using device = B;
  using rules = Rules;
  using context = typename B::context;
  static constexpr int levels = 1;
  static constexpr int channels(int) {
    int n = 3;
    for (auto const& s : chain)
      if (s.kind == stage_kind::conv) n = s.channels;
    return n;
  }
  static constexpr int stride(int) {
    int n = 1;
    for (auto const& s : chain) n *= s.stride;
    return n;
  }
  using features_type = features<T, B, channels(0), 1>;
  static std::string description() { return backbone::description(chain); }

  // Inputs of all stages from the first that learns, and each pool's winners; the caller keeps the last map.
  struct tape {
    activation<T, B> at[depth + 1]{};  // at[i]: input of stage i; at[depth]: the map
    buffer<T, B> memory[depth];
    buffer<std::int32_t, B> argmax[depth];
  };

  // in: channels of the images.
  explicit plain(int in = 3) {
    int convolutions = 0;
    for (auto const& s : chain) {
      if (s.kind != stage_kind::conv) continue;
      conv2d_spec const spec{in, s.channels, s.kernel, s.stride, s.pad, true};
      convs_.emplace_back(spec, nn::kaiming_normal(static_cast<int>(spec.fan_in())));
      if (convolutions++ < Spec::frozen) convs_.back().freeze();
      in = s.channels;
    }
    nn::take_bias_multipliers<Rules>(*this);
  }

  shape<4> map_shape(int, shape<4> pixels) const { return shape_after(depth, pixels); }

  void infer(context& c, batch<T, B> im, maps<T, 1, B>& out) const {
    typename context::frame scope(c);
    run_chain(c, depth, load(c, im), out.level[0]);
  }

  // The frozen prefix runs as in inference: nothing of it is kept.
  void forward(context& c, batch<T, B> im, maps<T, 1, B>& out, tape& t) const {
    auto keep = [&](int i, shape<4> s) {
      return i == depth ? out.level[0] : c.template make_at<T>(t.memory[i].reserve(c, c.template storage<T>(s)), s);
    };
    int const first = first_trainable();
    {
      typename context::frame scope(c);
      auto const pixels = load(c, im);
      if (first == 0) {
        t.at[0] = keep(0, pixels.dims);
        c.from_plain(im.pixels, t.at[0]);
      } else {
        t.at[first] = keep(first, shape_after(first, pixels.dims));
        run_chain(c, first, pixels, t.at[first]);
      }
    }
    for (int i = first, k = convolutions_before(first); i < depth; ++i) {
      shape<4> const s = next_shape(i, k, t.at[i].dims);
      t.at[i + 1] = keep(i + 1, s);
      if (is_conv(i)) convs_[k++].forward(c, t.at[i], t.at[i + 1]);
      else if (is_lrn(i)) ops::lrn<B>::template forward<T>(c, chain[i].normalise, t.at[i], t.at[i + 1]);
      else ops::max_pool<B>::template forward<T>(c, pool_of(i), t.at[i], t.at[i + 1], winners(c, t, i, s));
    }
  }

  void backward(context& c, tape& t, maps<T, 1, B>& d, writing gradients = writing::set) {
    typename context::frame scope(c);
    int const first = first_trainable();
    activation<T, B> dy = d.level[0];
    for (int i = depth - 1, k = static_cast<int>(convs_.size()); i >= first; --i) {
      activation<T, B> dx{};
      if (i > first) dx = c.template make<T>(t.at[i].dims);
      if (is_conv(i)) {
        typename nn::conv<T, B>::tape kept{t.at[i], t.at[i + 1]};
        convs_[--k].backward(c, kept, dy, dx, writing::set, gradients);
      } else if (is_lrn(i)) {
        ops::lrn<B>::template backward<T>(c, chain[i].normalise, t.at[i], dy, dx, writing::set);
      } else {
        ops::max_pool<B>::template backward<T>(c, pool_of(i), winners(c, t, i, t.at[i + 1].dims), dy, dx, writing::set);
      }
      dy = dx;
    }
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("backbone");
    int position = 0, k = 0;
    for (auto const& s : chain) {
      if (s.kind == stage_kind::conv) {
        visit.enter(std::to_string(position));
        convs_[k++].for_each_param(visit);
        visit.leave();
      }
      position += s.kind == stage_kind::conv ? 2 : 1;
    }
    visit.leave();
  }

 private:
  static constexpr bool is_conv(int i) { return chain[i].kind == stage_kind::conv; }
  static constexpr bool is_lrn(int i) { return chain[i].kind == stage_kind::lrn; }
  static constexpr pool_spec pool_of(int i) {
    auto const& s = chain[i];
    return {s.kernel, s.stride, s.pad, s.kind == stage_kind::pool_ceil};
  }

  shape<4> next_shape(int i, int k, shape<4> s) const {
    return is_conv(i) ? convs_[k].out_shape(s) : is_lrn(i) ? s : pool_of(i).out_shape(s);
  }

  static activation<T, B> load(context& c, batch<T, B> im) {
    auto x = c.template make<T>(im.pixels.dims);
    c.from_plain(im.pixels, x);
    return x;
  }

  // Stages [0, count) without a tape.
  void run_chain(context& c, int count, activation<T, B> x, activation<T, B> y) const {
    chain_stage<T, B> stages[depth];
    for (int i = 0, k = 0; i < count; ++i) {
      using as = chain_stage<T, B>;
      stages[i] = is_conv(i) ? convs_[k++].stage() : is_lrn(i) ? as::of_lrn(chain[i].normalise) : as::of_pool(pool_of(i));
    }
    ops::conv_chain<B>::template forward<T>(c, std::span<chain_stage<T, B> const>(stages, static_cast<std::size_t>(count)), x, y);
  }

  static int convolutions_before(int i) {
    int k = 0;
    for (int j = 0; j < i; ++j) k += is_conv(j);
    return k;
  }
  shape<4> shape_after(int count, shape<4> s) const {
    for (int i = 0, k = 0; i < count; ++i) {
      s = next_shape(i, k, s);
      k += is_conv(i);
    }
    return s;
  }

  static view<std::int32_t, 1, B> winners(context& c, tape& t, int i, shape<4> s) {
    return t.argmax[i].shaped(c, shape<1>{{checked::extent(checked::elements(s))}});
  }

  // Backward stops here: everything earlier is frozen.
  int first_trainable() const {
    for (int i = 0, k = 0; i < depth; ++i)
      if (is_conv(i) && convs_[k++].learns()) return i;
    return depth;
  }

  std::vector<nn::conv<T, B>> convs_;
};

// The preset `small`: six 3x3 convolutions, stride 16, 256 channels.
struct small_spec {
  static constexpr char const* name = "small";
  static constexpr stage stages[] = {conv(32, 3, 2), conv(64, 3, 2), conv(128, 3, 2), conv(128), conv(256, 3, 2), conv(256)};
  static constexpr int frozen = 0;
};

// VGG-16 to conv5_3 as torchvision builds it (floor pooling, no pool after the last convolution); conv1 and conv2 stay frozen
// (section 3.1.3: for VGG net, conv3_1 and up are tuned).
struct vgg16_tv_spec {
  static constexpr char const* name = "vgg16_tv";
  static constexpr stage stages[] = {conv(64), conv(64),  pool(),    conv(128), conv(128), pool(),    conv(256), conv(256), conv(256),
                                     pool(),   conv(512), conv(512), conv(512), pool(),    conv(512), conv(512), conv(512)};
  static constexpr int frozen = 4;
};

}  // namespace frcnn::backbone
FRCNN_HIDDEN_END
