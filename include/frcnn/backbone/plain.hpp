#pragma once
// Backbones that are one chain of convolutions, max pools and local response normalisations: `small`, VGG-16.
//
// The chain is run-time data; scalar, device, channels of the map and convention are the type, so that chains that differ in layers alone
// are one class, compiled once:
//   backbone::chain const mine{{backbone::conv(32, 3, 2), backbone::pool(2, 2), backbone::conv(64, 3)}, 1};  // the first conv frozen
//   backbone::plain<64, float, cpu> b(mine);              with any_channels in place of 64: chains of any map are this class
// Pools round as the convention does, unless the layer says: pool(2, 2, 0, true) rounds up. Biases learn as the convention has it.
// Every convolution is followed by ReLU. Parameters carry torchvision's names: position in a Sequential of convolution, ReLU, pool,
// normalisation. Only the last map leaves (one level). Throws error for a chain that is none, or whose map has other than the type's
// channels.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/conv.hpp"
#include "frcnn/ops/max_pool.hpp"

#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::backbone {

struct layer {
  layer_kind kind = layer_kind::conv;
  int channels = 0, kernel = 1, stride = 1, pad = 0;
  lrn_spec normalise{};
  bool rounds_by_convention = false;  // a pool: up or down, where no window ends at the border
};
constexpr layer conv(int channels, int kernel = 3, int stride = 1) { return {layer_kind::conv, channels, kernel, stride, kernel / 2}; }
constexpr layer pool(int kernel = 2, int stride = 2, int pad = 0) { return {pool_kind(false), 0, kernel, stride, pad, {}, true}; }
constexpr layer pool(int kernel, int stride, int pad, bool ceil) { return {pool_kind(ceil), 0, kernel, stride, pad}; }
constexpr layer lrn(lrn_spec const& s = {}) { return {layer_kind::lrn, 0, 1, 1, 0, s}; }

struct chain {
  std::vector<layer> layers{};
  int frozen = 0;              // convolutions, from the first, that never learn
  double input_deviation = 1;  // of the pixels that it reads: draws of the first convolution are divided by it

  // Pixels of the image per cell of the map, nominal.
  int stride() const {
    int n = 1;
    for (auto const& s : layers) n *= s.stride;
    return n;
  }
};

// The chain with the rounding of its pools settled.
template <class Rules>
chain rounded(chain c) {
  for (auto& s : c.layers)
    if (s.rounds_by_convention) s.kind = pool_kind(Rules::ceil_pooling);
  return c;
}

// "conv 64 3x3/1 pad 1, pool 2x2/2 pad 0 floor": what a model file says of its backbone, in every locale.
inline std::string description(std::span<layer const> layers) {
  auto const number = [](double v) {
    char digits[32];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::general, 9).ptr);
  };
  std::string text;
  for (auto const& s : layers) {
    auto const kernel = std::to_string(s.kernel);
    text += text.empty() ? "" : ", ";
    if (s.kind == layer_kind::lrn) {
      auto const& n = s.normalise;
      text += std::string("lrn ") + (n.region == lrn_region::within_channel ? "within a channel " : "") + std::to_string(n.size) +
              " alpha " + number(n.alpha) + " beta " + number(n.beta) + " k " + number(n.k);
      continue;
    }
    text += is_pool(s.kind) ? "pool " : "conv " + std::to_string(s.channels) + " ";
    text += kernel + "x" + kernel + "/" + std::to_string(s.stride) + " pad " + std::to_string(s.pad);
    if (is_pool(s.kind)) text += s.kind == layer_kind::pool_ceil ? " ceil" : " floor";
  }
  return text;
}

// What a chain does, whatever the channels of its map and the convention: plain, below, is what is composed.
template <Real T, Backend B>
class chain_network {
 public:
  using scalar = T;
  using device = B;
  using context = typename B::context;
  static constexpr int levels = 1, most_layers = 64;

  int stride(int) const { return chain_.stride(); }
  int map_channels(int) const { return out_; }
  std::string description() const { return backbone::description(chain_.layers); }

  // Inputs of all layers from the first that learns, and each pool's winners; the caller keeps the last map.
  struct tape {
    std::vector<activation<T, B>> at;  // at[i]: input of layer i; the last: the map
    std::vector<buffer<T, B>> memory;
    std::vector<buffer<std::int32_t, B>> argmax;
  };

  shape<4> map_shape(int, shape<4> pixels) const { return shape_after(depth(), pixels); }

  void infer(context& c, batch<T, B> im, maps<T, 1, B>& out) const {
    typename context::frame scope(c);
    run_chain(c, depth(), load(c, im), out.level[0]);
  }

  // The frozen prefix runs as in inference: nothing of it is kept.
  void forward(context& c, batch<T, B> im, maps<T, 1, B>& out, tape& t) const {
    int const last = depth();
    t.at.resize(chain_.layers.size() + 1);
    t.memory.resize(chain_.layers.size());
    t.argmax.resize(chain_.layers.size());
    auto keep = [&](int i, shape<4> s) { return i == last ? out.level[0] : t.memory[i].map(c, s); };
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
    for (int i = first, k = convolutions_before(first); i < last; ++i) {
      shape<4> const s = next_shape(i, k, t.at[i].dims);
      t.at[i + 1] = keep(i + 1, s);
      if (is_conv(i)) convs_[k++].forward(c, t.at[i], t.at[i + 1]);
      else if (is_lrn(i)) ops::lrn<B>::template forward<T>(c, at(i).normalise, t.at[i], t.at[i + 1]);
      else ops::max_pool<B>::template forward<T>(c, pool_of(i), t.at[i], t.at[i + 1], winners(c, t, i, s));
    }
  }

  void backward(context& c, tape& t, maps<T, 1, B>& d, writing gradients = writing::set) {
    typename context::frame scope(c);
    int const first = first_trainable();
    activation<T, B> dy = d.level[0];
    for (int i = depth() - 1, k = static_cast<int>(convs_.size()); i >= first; --i) {
      activation<T, B> dx{};
      if (i > first) dx = c.template make<T>(t.at[i].dims);
      if (is_conv(i)) {
        typename nn::conv<T, B>::tape layer_tape{t.at[i], t.at[i + 1]};
        convs_[--k].backward(c, layer_tape, dy, dx, writing::set, gradients);
        convs_[k].weight.gradient_done(c);
        convs_[k].bias.gradient_done(c);
      } else if (is_lrn(i)) {
        ops::lrn<B>::template backward<T>(c, at(i).normalise, t.at[i], dy, dx, writing::set);
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
    for (auto const& s : chain_.layers) {
      if (s.kind == layer_kind::conv) {
        visit.enter(std::to_string(position));
        convs_[k++].for_each_param(visit);
        visit.leave();
      }
      position += s.kind == layer_kind::conv ? 2 : 1;
    }
    visit.leave();
  }

 protected:
  // Reads images of `in` channels and gives a map of `out`: any_channels, what the chain gives.
  chain_network(chain c, int in, int out) : chain_(std::move(c)) {
    check(chain_);
    int convolutions = 0;
    for (auto const& s : chain_.layers) {
      if (s.kind != layer_kind::conv) continue;
      conv2d_spec const spec{in, s.channels, s.kernel, s.stride, s.pad, true};
      convs_.emplace_back(spec, nn::kaiming_normal(static_cast<int>(spec.fan_in()), convolutions == 0 ? chain_.input_deviation : 1));
      if (convolutions++ < chain_.frozen) convs_.back().freeze();
      in = s.channels;
    }
    out_ = in;
    if (out != any_channels && in != out)
      throw error("backbone", "a chain whose map has " + std::to_string(out) + " channels", std::to_string(in));
  }

 private:
  static void check(chain const& c) {
    auto const& layers = c.layers;
    if (layers.empty() || layers.size() > std::size_t{most_layers})
      throw error("backbone", "1 to " + std::to_string(most_layers) + " layers", std::to_string(layers.size()));
    int convolutions = 0;
    for (auto const& s : layers) {
      if (s.kind == layer_kind::add)
        throw error("backbone", "a chain of convolutions, pools and lrn (ops::conv_chain runs residual blocks)", "a layer add");
      if (s.kind == layer_kind::lrn) frcnn::check(s.normalise);
      if (is_pool(s.kind) && (s.kernel < 1 || s.stride < 1 || s.pad < 0 || s.pad >= s.kernel))
        throw error("backbone", "pools with a kernel and a stride of 1 or more, and a pad from 0 that is smaller than the kernel",
                    backbone::description(std::span(&s, 1)));
      convolutions += s.kind == layer_kind::conv;
    }
    if (c.frozen < 0 || c.frozen > convolutions)
      throw error("backbone", "0 to " + std::to_string(convolutions) + " frozen convolutions", std::to_string(c.frozen));
  }

  int depth() const { return static_cast<int>(chain_.layers.size()); }
  layer const& at(int i) const { return chain_.layers[i]; }
  bool is_conv(int i) const { return at(i).kind == layer_kind::conv; }
  bool is_lrn(int i) const { return at(i).kind == layer_kind::lrn; }
  pool_spec pool_of(int i) const { return {at(i).kernel, at(i).stride, at(i).pad, at(i).kind == layer_kind::pool_ceil}; }

  shape<4> next_shape(int i, int k, shape<4> s) const {
    if (!is_pool(at(i).kind)) return is_conv(i) ? convs_[k].out_shape(s) : s;
    auto const out = pool_of(i).out_shape(s);
    if (out[2] < 1 || out[3] < 1)
      throw error("backbone", "images whose maps are large enough for " + backbone::description(std::span(&at(i), 1)),
                  "a map of " + std::to_string(s[2]) + " x " + std::to_string(s[3]));
    return out;
  }

  static activation<T, B> load(context& c, batch<T, B> im) {
    auto x = c.template make<T>(im.pixels.dims);
    c.from_plain(im.pixels, x);
    return x;
  }

  // Layers [0, count) without a tape.
  void run_chain(context& c, int count, activation<T, B> x, activation<T, B> y) const {
    using as = chain_layer<T, B>;
    std::array<as, most_layers> layers;  // not from the heap: a detection allocates nothing
    for (int i = 0, k = 0; i < count; ++i)
      layers[i] = is_conv(i) ? convs_[k++].chained() : is_lrn(i) ? as::of_lrn(at(i).normalise) : as::of_pool(pool_of(i));
    ops::conv_chain<B>::template forward<T>(c, std::span<as const>(layers.data(), static_cast<std::size_t>(count)), x, y);
  }

  int convolutions_before(int i) const {
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
    for (int i = 0, k = 0; i < depth(); ++i)
      if (is_conv(i) && convs_[k++].learns()) return i;
    return depth();
  }

  chain chain_;
  int out_ = 0;  // channels of the map
  std::vector<nn::conv<T, B>> convs_;
};

// Channels: of the map. The parts beside it are composed with that number at compile time, with any_channels when they are made.
template <int Channels, Real T, Backend B, class Rules = conventions::torchvision>
class plain : public chain_network<T, B> {
  static_assert(Channels > 0 || Channels == any_channels);

 public:
  using rules = Rules;
  using features_type = features<T, B, Channels, 1>;
  static constexpr int channels(int) { return Channels; }

  // in: channels of the images.
  explicit plain(chain c, int in = 3) : chain_network<T, B>(rounded<Rules>(std::move(c)), in, Channels) {
    nn::take_bias_multipliers<Rules>(*this);
  }
};

// The preset `small`: six 3x3 convolutions, stride 16, 256 channels.
inline chain small_chain() { return {{conv(32, 3, 2), conv(64, 3, 2), conv(128, 3, 2), conv(128), conv(256, 3, 2), conv(256)}}; }

// VGG-16 to conv5_3 as torchvision builds it (floor pooling, no pool after the last convolution), 512 channels; conv1 and conv2 stay frozen
// (section 3.1.3: for VGG net, conv3_1 and up are tuned).
inline chain vgg16_tv_chain() {
  return {{conv(64), conv(64), pool(), conv(128), conv(128), pool(), conv(256), conv(256), conv(256), pool(), conv(512), conv(512),
           conv(512), pool(), conv(512), conv(512), conv(512)},
          4};
}

// VGG-16 to conv5_3 as the authors' release has it, 512 channels: the pools are the convention's. What it freezes is the preset's.
inline chain vgg16_chain() { return {vgg16_tv_chain().layers}; }

// ZF to conv5 as the authors' release has it (py-faster-rcnn, models/pascal_voc/ZF), 256 channels: normalisation within a channel, pools
// padded.
inline chain zf_chain() {
  lrn_spec const norm{3, 5e-5, 0.75, 1, lrn_region::within_channel};
  return {{conv(96, 7, 2), lrn(norm), pool(3, 2, 1), conv(256, 5, 2), lrn(norm), pool(3, 2, 1), conv(384), conv(384), conv(256)}};
}

}  // namespace frcnn::backbone
FRCNN_HIDDEN_END
