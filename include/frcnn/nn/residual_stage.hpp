#pragma once
// A stage of ResNet: bottleneck blocks, the first of which changes extents and channels.
//
//   block    y = relu(conv3(relu(conv2(relu(conv1(x))))) + shortcut(x)); conv1 and conv3 are 1 x 1, conv2 3 x 3
//            the first: conv2 has the stage's stride, the shortcut is a 1 x 1 convolution of that stride; the others: the shortcut is x
//   stage    x [N, in, H, W] -> y [N, 4 width, Ho, Wo]
// Every convolution has a frozen batch normalisation (nn/conv_norm.hpp). In inference all blocks but the first write over what they read, so
// a stage needs its output and the two maps inside a block.
// Initialisation: Kaiming normal, fan out (He et al. 2015). Statistics are those of no normalisation, but the weight of each conv3's, which
// is `residual_weight`: with 1 the values of a network without statistics of its own would double from block to block.
// Source: He et al. 2016, table 1; torchvision 0.29, models/resnet.py, Bottleneck, which has the stride in conv2.
#include "frcnn/core/buffer.hpp"
#include "frcnn/nn/conv_norm.hpp"

#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

struct stage_spec {
  int in_channels = 0, width = 0, blocks = 0, stride = 1;
  double epsilon = 1e-5;       // of batch normalisation
  double residual_weight = 1;  // see above

  constexpr int out_channels() const { return 4 * width; }
};

template <Real T, Backend B>
class bottleneck {
  using context = typename B::context;
  using map = activation<T, B>;
  using conv = conv_norm<T, B>;

 public:
  // x and y live until backward.
  struct tape {
    map x{}, narrow{}, spread{}, y{};
    buffer<T, B> narrow_memory, spread_memory;
  };

  bottleneck(stage_spec const& s, bool is_first)
      : conv1_(layer({is_first ? s.in_channels : s.out_channels(), s.width, 1, 1, 0, true}, s)),
        conv2_(layer({s.width, s.width, 3, is_first ? s.stride : 1, 1, true}, s)),
        conv3_(layer({s.width, s.out_channels(), 1, 1, 0, true}, s)) {
    conv3_.norm_weight.init = initializer::constant(s.residual_weight);
    if (is_first) shortcut_.emplace(layer({s.in_channels, s.out_channels(), 1, s.stride, 0, false}, s));
  }

  shape<4> out_shape(shape<4> in) const { return conv3_.out_shape(conv2_.out_shape(conv1_.out_shape(in))); }

  // y may be x, but in a stage's first block.
  void infer(context& c, map const& x, map const& y) const {
    typename context::frame scope(c);
    auto const narrow = c.template make<T>(conv1_.out_shape(x.dims)), spread = c.template make<T>(conv2_.out_shape(narrow.dims));
    run(c, x, narrow, spread, y);
  }
  void forward(context& c, map const& x, map const& y, tape& t) const {
    t.x = x;
    t.y = y;
    t.narrow = t.narrow_memory.map(c, conv1_.out_shape(x.dims));
    t.spread = t.spread_memory.map(c, conv2_.out_shape(t.narrow.dims));
    run(c, x, t.narrow, t.spread, y);
  }
  // dx is dy itself, but in a stage's first block. dy is overwritten.
  void backward(context& c, tape& t, map const& dy, map const& dx, writing how, writing gradients) {
    typename context::frame scope(c);
    auto const dspread = c.template make<T>(t.spread.dims), dnarrow = c.template make<T>(t.narrow.dims);
    conv3_.backward(c, t.spread, t.y, dy, dspread, writing::set, gradients);  // behind which dy is the shortcut's gradient, too
    if (shortcut_) shortcut_->backward(c, t.x, t.y, dy, dx, how, gradients);
    conv2_.backward(c, t.narrow, t.spread, dspread, dnarrow, writing::set, gradients);
    conv1_.backward(c, t.x, t.narrow, dnarrow, dx, writing::add, gradients);
    for (auto* const one : {&conv1_, &conv2_, &conv3_}) one->weight.gradient_done(c);
    if (shortcut_) shortcut_->weight.gradient_done(c);
  }

  bool learns() const { return conv1_.learns() || conv2_.learns() || conv3_.learns() || (shortcut_ && shortcut_->learns()); }

  template <class V>
  void for_each_param(V&& visit) {
    conv1_.for_each_param(visit, "conv1", "bn1");
    conv2_.for_each_param(visit, "conv2", "bn2");
    conv3_.for_each_param(visit, "conv3", "bn3");
    if (!shortcut_) return;
    visit.enter("downsample");
    shortcut_->for_each_param(visit, "0", "1");
    visit.leave();
  }

 private:
  static conv layer(conv2d_spec spec, stage_spec const& s) {
    return {spec, kaiming_normal(spec.kernel * spec.kernel * spec.out_channels), s.epsilon};
  }
  void run(context& c, map const& x, map const& narrow, map const& spread, map const& y) const {
    conv1_.forward(c, x, narrow);
    conv2_.forward(c, narrow, spread);
    if (shortcut_) shortcut_->forward(c, x, y);
    conv3_.forward(c, spread, y, shortcut_ ? y : x);
  }

  conv conv1_, conv2_, conv3_;
  std::optional<conv> shortcut_;
};

template <Real T, Backend B>
class residual_stage {
  using context = typename B::context;
  using map = activation<T, B>;

 public:
  // x and y live until backward.
  struct tape {
    std::vector<typename bottleneck<T, B>::tape> block;
    std::vector<buffer<T, B>> memory;  // of each block's output but the last's
  };

  explicit residual_stage(stage_spec const& s) : spec_(s) {
    if (s.blocks < 1) throw error("residual stage", "at least one block", std::to_string(s.blocks));
    for (int i = 0; i < s.blocks; ++i) blocks_.emplace_back(s, i == 0);
  }

  stage_spec const& spec() const { return spec_; }
  int out_channels() const { return spec_.out_channels(); }
  shape<4> out_shape(shape<4> in) const { return blocks_.front().out_shape(in); }

  void infer(context& c, map const& x, map const& y) const {
    blocks_.front().infer(c, x, y);
    for (std::size_t i = 1; i < blocks_.size(); ++i) blocks_[i].infer(c, y, y);
  }
  void forward(context& c, map const& x, map const& y, tape& t) const {
    t.block.resize(blocks_.size());
    t.memory.resize(blocks_.size());
    map at = x;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      map const to = i + 1 == blocks_.size() ? y : t.memory[i].map(c, y.dims);
      blocks_[i].forward(c, at, to, t.block[i]);
      at = to;
    }
  }
  // dy is overwritten. dx without memory: not wanted, and backward stops where everything earlier is frozen.
  void backward(context& c, tape& t, map const& dy, map const& dx, writing how, writing gradients) {
    std::size_t first = 0;
    if (!is_there(dx))
      while (first < blocks_.size() && !blocks_[first].learns()) ++first;
    for (std::size_t i = blocks_.size(); i-- > first;)
      blocks_[i].backward(c, t.block[i], dy, i == 0 ? dx : i > first ? dy : map{}, how, gradients);
  }

  bool learns() const {
    for (auto const& b : blocks_)
      if (b.learns()) return true;
    return false;
  }

  // "0.conv1.weight", "0.bn1.weight", ...
  template <class V>
  void for_each_param(V&& visit) {
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      visit.enter(std::to_string(i));
      blocks_[i].for_each_param(visit);
      visit.leave();
    }
  }

 private:
  stage_spec spec_;
  std::vector<bottleneck<T, B>> blocks_;
};

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
