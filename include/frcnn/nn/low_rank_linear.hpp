#pragma once
// A fully connected layer whose weight may be a product of two thinner ones: W [N, K] ~ W1 [N, R] W0 [R, K].
//
//   rank 0   nn::linear itself, parameters "weight" and "bias"
//   rank R   rows [M, K] -> W0 -> [M, R] -> W1, bias, ReLU -> [M, N]; nothing between the two. Parameters "0.weight", "1.weight" and
//            "1.bias": what PyTorch calls them where Sequential(Linear(K, R, bias=False), Linear(R, N)) takes the layer's place
//
// R (K + N) weights and multiplications per row instead of K N: worth it for R < K N / (K + N). Both matrices train.
// A rank above min(K, N) is thrown as an error.
// Source: Fast R-CNN, section 3.1, "Truncated SVD for faster detection". compress/compress.hpp makes the factors of a trained layer.
// Example: VGG-16's fc6, K = 25088, N = 4096, at R = 1024: 30 million weights for 103 million.
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/nn/linear.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

template <Real T, Backend B>
class low_rank_linear {
 public:
  using scalar = T;
  using device = B;
  // x and y live until backward; what lies between the two products is the tape's.
  struct tape {
    view<T const, 2, B> x{}, y{};
    view<T, 2, B> hidden{};  // [M, R]
    buffer<T, B> hidden_memory;
  };

  // `weights` is how W, or W0, starts; W1 starts as PyTorch's layers do.
  low_rank_linear(int in, int out, int rank, bool relu, initializer weights, initializer biases)
      : rank_(checked(rank, std::min(in, out))), last_(rank ? rank : in, out, relu, rank ? default_uniform(rank) : weights, biases) {
    if (rank) first_.emplace(in, rank, false, weights, initializer::zero());  // its bias is no parameter, and has no memory: there is none
  }

  int out() const { return last_.out(); }
  int rank() const { return rank_; }  // 0: full

  // images: as nn::linear's.
  void forward(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> y, int images = 1) const {
    if (!first_) return last_.forward(c, x, y, images);
    typename B::context::frame scope(c);
    through(c, x, scratch<T, B>(c, shape<2>{{x.dims[0], rank_}}), y, images);
  }
  void forward(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> y, tape& t, int images = 1) const {
    t.x = x;
    t.y = y;
    if (!first_) return last_.forward(c, x, y, images);
    t.hidden = t.hidden_memory.shaped(c, shape<2>{{x.dims[0], rank_}});
    through(c, x, t.hidden, y, images);
  }
  // dy is masked in place; dx empty is not wanted.
  void backward(typename B::context& c, tape& t, view<T, 2, B> dy, view<T, 2, B> dx, writing how, writing gradients = writing::set) {
    using whole = typename linear<T, B>::tape;
    if (!first_) {
      whole of_layer{t.x, t.y};
      return last_.backward(c, of_layer, dy, dx, how, gradients);
    }
    typename B::context::frame scope(c);
    auto const dhidden = scratch<T, B>(c, t.hidden.dims);  // [M, R]
    whole second{t.hidden, t.y}, first{t.x, t.hidden};
    last_.backward(c, second, dy, dhidden, writing::set, gradients);
    first_->backward(c, first, dhidden, dx, how, gradients);
  }

  template <class V>
  void for_each_param(V&& visit) {
    if (!first_) return last_.for_each_param(visit);
    visit.enter("0");
    visit(first_->weight);
    visit.leave();
    visit.enter("1");
    last_.for_each_param(visit);
    visit.leave();
  }

 private:
  static int checked(int rank, int most) {
    if (rank < 0 || rank > most)
      throw error("rank of a fully connected layer", "0 for the full layer, or 1 to " + std::to_string(most), std::to_string(rank));
    return rank;
  }
  void through(typename B::context& c, view<T const, 2, B> x, view<T, 2, B> hidden, view<T, 2, B> y, int images) const {
    first_->forward(c, x, hidden, images);
    last_.forward(c, hidden, y, images);
  }

  int rank_;
  std::optional<linear<T, B>> first_;  // W0
  linear<T, B> last_;                  // W1, or W
};

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
