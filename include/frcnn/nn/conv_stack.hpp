#pragma once
// Convolutions of one width, one behind the other, each 3 x 3 with ReLU and with or without a frozen batch normalisation: what stands between
// RoIAlign and the fully connected layer of some heads.
//
//   x, y [N, C, H, W]
// Initialisation: Kaiming normal, fan out. Names as in torchvision: "0.0.weight", "0.1.running_mean", "1.0.weight", ...
// Source: torchvision 0.29, models/detection/faster_rcnn.py, FastRCNNConvFCHead.
#include "frcnn/core/buffer.hpp"
#include "frcnn/nn/conv_norm.hpp"

#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

template <Real T, Backend B>
class conv_stack {
  using context = typename B::context;
  using map = activation<T, B>;

 public:
  // x and y live until backward.
  struct tape {
    std::vector<map> at;  // input of each convolution, and the last one's output
    std::vector<buffer<T, B>> memory;
  };

  // epsilon: of batch normalisation; none: there is none.
  conv_stack(int channels, int count, std::optional<double> epsilon) {
    if (count < 1) throw error("stack of convolutions", "at least one", std::to_string(count));
    for (int i = 0; i < count; ++i)
      convs_.emplace_back(conv2d_spec{channels, channels, 3, 1, 1, true}, kaiming_normal(9 * channels), epsilon);
  }

  shape<4> out_shape(shape<4> in) const { return in; }

  void infer(context& c, map const& x, map const& y) const {
    typename context::frame scope(c);
    // y and one map of scratch in turns, so that the last convolution writes y.
    map const other = convs_.size() > 1 ? c.template make<T>(x.dims) : map{};
    map at = x;
    for (std::size_t i = 0; i < convs_.size(); ++i) {
      map const to = (convs_.size() - i) % 2 ? y : other;
      convs_[i].forward(c, at, to);
      at = to;
    }
  }
  void forward(context& c, map const& x, map const& y, tape& t) const {
    t.at.resize(convs_.size() + 1);
    t.memory.resize(convs_.size());
    t.at.front() = x;
    for (std::size_t i = 0; i < convs_.size(); ++i) {
      bool const is_last = i + 1 == convs_.size();
      t.at[i + 1] = is_last ? y : t.memory[i].map(c, x.dims);
      convs_[i].forward(c, t.at[i], t.at[i + 1]);
    }
  }
  // dy is overwritten. dx without memory: not wanted, and backward stops where everything earlier is frozen.
  void backward(context& c, tape& t, map const& dy, map const& dx, writing how, writing gradients) {
    typename context::frame scope(c);
    std::size_t first = 0;
    if (!is_there(dx))
      while (first < convs_.size() && !convs_[first].learns()) ++first;
    map const other = convs_.size() > first + 1 ? c.template make<T>(dy.dims) : map{};
    map d = dy;  // dy and other in turns
    for (std::size_t i = convs_.size(); i-- > first;) {
      map const to = i == 0 ? dx : i == first ? map{} : (convs_.size() - i) % 2 ? other : dy;
      convs_[i].backward(c, t.at[i], t.at[i + 1], d, to, i == 0 ? how : writing::set, gradients);
      convs_[i].weight.gradient_done(c);
      d = to;
    }
  }

  bool learns() const {
    for (auto const& one : convs_)
      if (one.learns()) return true;
    return false;
  }

  template <class V>
  void for_each_param(V&& visit) {
    for (std::size_t i = 0; i < convs_.size(); ++i) {
      visit.enter(std::to_string(i));
      convs_[i].for_each_param(visit, "0", "1");
      visit.leave();
    }
  }

 private:
  std::vector<conv_norm<T, B>> convs_;
};

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
