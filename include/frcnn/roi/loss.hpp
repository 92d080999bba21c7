#pragma once
// The head's loss (Fast R-CNN, eq. 1) and its gradient in the same pass:
//
//   L = 1/S sum_r -log p_r[u_r]  +  1/S sum_r [u_r >= 1] smooth_l1(t_r[u_r] - v_r)        S: sampled RoIs of the whole batch
//
//   weight        [K+1], or empty: of each class in the first term, sum_r -w[u_r] log p_r[u_r] / sum_r w[u_r], as PyTorch's cross_entropy
//                 weighs classes
//   shared_with   where the batch is a process's share of a larger one: the others, over whose RoIs S counts too
//   logits [N*Q, K+1] (column 0 is background), deltas [N*Q, 4(K+1)] class-specific (class u has columns 4u .. 4u+3)
//   loss[0] += the class term, loss[1] += the box term; dlogits, ddeltas are set everywhere (zero for dead rows, other classes)
#include "frcnn/ops/smooth_l1.hpp"
#include "frcnn/ops/sum_terms.hpp"
#include "frcnn/roi/target.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

namespace detail {

template <Backend B>
struct is_live {
  view<std::int32_t const, 2, B> label;
  FRCNN_HD double operator()(int, int i) const { return label.data[i] >= 0 ? 1.0 : 0.0; }
};

template <Real T, Backend B>
struct weight_of_label {
  view<std::int32_t const, 2, B> label;
  T const* weight;
  FRCNN_HD double operator()(int, int i) const { return label.data[i] >= 0 ? static_cast<double>(weight[label.data[i]]) : 0.0; }
};

template <class Rules, Real T, Backend B>
struct roi_loss {
  targets<T, B> decided;
  view<T const, 2, B> logits, deltas;
  view<double const, 1, B> live;  // [1], or [2] with weights: their sum
  T const* weight;                // of each class, or null
  view<T, 2, B> dlogits, ddeltas;
  view<T, 2, B> term;  // [2, N*Q]
  FRCNN_HD void operator()(std::size_t r) const {
    int const classes = logits.dims[1], u = decided.label.data[r];
    T const* const z = logits.data + r * classes;
    FRCNN_ASSERT(u < classes);
    T* const dz = dlogits.data + r * classes;
    T* const dt = ddeltas.data + r * classes * 4;
    for (int k = 0; k < 4 * classes; ++k) dt[k] = T(0);
    T cls = T(0), reg = T(0);
    if (u < 0) {
      for (int k = 0; k < classes; ++k) dz[k] = T(0);
    } else {
      T const scale = static_cast<T>(1 / (live.data[0] > 1 ? live.data[0] : 1));
      T top = z[0], sum = T(0);
      for (int k = 1; k < classes; ++k) top = z[k] > top ? z[k] : top;
      for (int k = 0; k < classes; ++k) sum += std::exp(z[k] - top);
      T const weighed = weight ? static_cast<T>(weight[u] / (live.data[1] > 0 ? live.data[1] : 1)) : scale;
      cls = weighed * (std::log(sum) - (z[u] - top));
      for (int k = 0; k < classes; ++k) dz[k] = weighed * (std::exp(z[k] - top) / sum - (k == u ? T(1) : T(0)));
      if (u > 0)
        reg = smooth_l1(deltas.data + (r * classes + u) * 4, decided.target.data[r], Rules::template head_beta<T>(), scale, dt + u * 4);
    }
    term(0, r) = cls;
    term(1, r) = reg;
  }
};

}  // namespace detail

template <class Rules, Real T, Backend B>
void roi_losses(typename B::context& c, targets<T, B> decided, view<T const, 2, B> logits, view<T const, 2, B> deltas,
                view<T, 2, B> dlogits, view<T, 2, B> ddeltas, view<T, 1, B> loss, any_communicator<B>* shared_with = nullptr,
                view<T const, 1, B> weight = {}) {
  typename B::context::frame scope(c);
  int const rows = logits.dims[0];
  auto const sums = scratch<double, B>(c, shape<1>{{weight ? 2 : 1}});
  view<double, 1, B> const live{sums.data, {{1}}};
  auto term = scratch<T, B>(c, shape<2>{{2, rows}});
  exec<B>::segmented_reduce(c, 1, rows, 0.0, detail::is_live<B>{decided.label}, ops::plus<double>{}, live);
  if (weight)
    exec<B>::segmented_reduce(c, 1, rows, 0.0, detail::weight_of_label<T, B>{decided.label, weight.data}, ops::plus<double>{},
                              view<double, 1, B>{sums.data + 1, {{1}}});
  sum_over_batch<B>(c, shared_with, sums);
  exec<B>::for_each(c, static_cast<std::size_t>(rows),
                    detail::roi_loss<Rules, T, B>{decided, logits, deltas, sums, weight.data, dlogits, ddeltas, term});
  ops::sum_terms<T, B>(c, term, loss);
}

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
