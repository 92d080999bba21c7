#pragma once
// The RPN's loss, eq. (1) of the paper, and its gradient in the same pass:
//
//   L = 1/N_cls sum_i L_cls(p_i, p_i*)  +  lambda 1/N_reg sum_i p_i* L_reg(t_i, t_i*)
//
//   i        anchors with label >= 0 of the whole batch;  L_cls: log loss;  L_reg: smooth L1
//   N_cls, N_reg   0 (default): the number of sampled anchors of the batch, as both releases have it;
//                  the paper's text: 256 and the number of anchor positions (about 2,400), with lambda = 10
//
//   shared_with   where the batch is a process's share of a larger one: the others, over whose samples N_cls and N_reg count too, so that the
//                 sum of all processes' losses and gradients is that of the larger batch
//   logits [N, M, A or 2A], deltas [N, M, 4A] (anchor a of a cell has channels 4a .. 4a+3); label, match [N, K], K = M*A
//   loss[0] += the first term, loss[1] += the second; dlogits and ddeltas are set everywhere (zero for anchors without a part)
//   sampled [1] is set to the number of sampled anchors, of all processes that share the batch
#include "frcnn/ops/smooth_l1.hpp"
#include "frcnn/ops/sum_terms.hpp"
#include "frcnn/rpn/anchor_target.hpp"
#include "frcnn/rpn/objectness.hpp"

#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::rpn {

struct loss_options {
  double lambda = 1;
  double n_cls = 0, n_reg = 0;  // 0: the number of sampled anchors

  // N_cls and N_reg, given the number of sampled anchors.
  FRCNN_HD double cls_count(double sampled) const { return n_cls > 0 ? n_cls : sampled > 1 ? sampled : 1; }
  FRCNN_HD double reg_count(double sampled) const { return n_reg > 0 ? n_reg : sampled > 1 ? sampled : 1; }
};

// How far each gradient of a delta may lie from 0 that a proposal adds in exact joint training: times / N_reg, where 1 / N_reg is the most
// that the anchor's own L_reg adds at lambda = 1.
template <Backend B>
struct gradient_bound {
  double times = std::numeric_limits<double>::infinity();
  loss_options loss{};
  view<double const, 1, B> sampled{};  // [1], of anchor_losses

  FRCNN_HD double most() const { return is_finite(times) ? times / loss.reg_count(sampled.data[0]) : times; }
};

namespace detail {

template <Backend B>
struct is_sampled {
  view<std::int32_t const, 2, B> label;
  FRCNN_HD double operator()(int, int i) const { return label.data[i] >= 0 ? 1.0 : 0.0; }
};
template <class Rules, class Coder, class Anchors, Real T, Backend B>
struct anchor_loss {
  placed_anchors<Anchors> anchors;
  Coder coder;
  truth<T, B> gt;
  view<std::int32_t const, 2, B> label, match;
  view<T const, 3, B> logits, deltas;
  view<double const, 1, B> sampled;  // [1]
  loss_options o;
  view<T, 3, B> dlogits, ddeltas;
  view<T, 2, B> term;  // [2, N*K]: classification and regression term of each anchor

  FRCNN_HD void operator()(std::size_t at) const {
    int const k_count = label.dims[1], n = static_cast<int>(at / k_count), i = static_cast<int>(at % k_count);
    int const a_count = anchors.scheme.per_cell();
    T const cls_scale = static_cast<T>(1 / o.cls_count(sampled.data[0])),
            reg_scale = static_cast<T>(o.lambda / o.reg_count(sampled.data[0]));
    T cls = T(0), reg = T(0), dz = T(0);
    T* const dd = ddeltas.data + at * 4;  // [N, M, A, 4] and [N, K, 4] are the same memory
    for (int j = 0; j < 4; ++j) dd[j] = T(0);
    if (label.data[at] >= 0) {
      bool const object = label.data[at] > 0;
      T const z = objectness_logit<Rules>(logits, a_count, n, i);
      cls = cls_scale * log_loss(z, object);
      dz = cls_scale * log_loss_gradient(z, object);
      if (object) {
        auto const target = coder.encode(anchors.template at<T>(i), gt.boxes.rows(n, match.data[at]));
        reg = smooth_l1(deltas.data + at * 4, target, Rules::template rpn_beta<T>(), reg_scale, dd);
      }
    }
    set_objectness_gradient<Rules>(dlogits, a_count, n, i, dz);
    term(0, at) = cls;
    term(1, at) = reg;
  }
};

}  // namespace detail

template <class Rules, class Coder, AnchorScheme Anchors, Real T, Backend B>
void anchor_losses(typename B::context& c, placed_anchors<Anchors> const& anchors, Coder const& coder, truth<T, B> gt,
                   view<std::int32_t const, 2, B> label, view<std::int32_t const, 2, B> match, view<T const, 3, B> logits,
                   view<T const, 3, B> deltas, loss_options const& o, view<T, 3, B> dlogits, view<T, 3, B> ddeltas, view<T, 1, B> loss,
                   view<double, 1, B> sampled, any_communicator<B>* shared_with = nullptr) {
  typename B::context::frame scope(c);
  int const total = static_cast<int>(label.size());
  auto term = scratch<T, B>(c, shape<2>{{2, total}});
  exec<B>::segmented_reduce(c, 1, total, 0.0, detail::is_sampled<B>{label}, ops::plus<double>{}, sampled);
  sum_over_batch<B>(c, shared_with, sampled);
  exec<B>::for_each(c, label.size(),
                    detail::anchor_loss<Rules, Coder, Anchors, T, B>{anchors, coder, gt, label, match, logits, deltas, sampled, o, dlogits,
                                                                     ddeltas, term});
  ops::sum_terms<T, B>(c, term, loss);
}

}  // namespace frcnn::rpn
FRCNN_HIDDEN_END
