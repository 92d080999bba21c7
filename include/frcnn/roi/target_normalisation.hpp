#pragma once
// Box targets of mean 0 and deviation 1, for each class: the empirical form of the authors' release (py-faster-rcnn,
// lib/roi_data_layer/roidb.py), beside the fixed one, which the box coder's weights are (0.1, 0.1, 0.2, 0.2).
//
//   target_statistics   two buffers of the model, target_mean and target_deviation [K+1, 4], in units of the coder; 0 and 1 until they are
//                       set (train/empirical_targets.hpp computes them). They lie in model files and checkpoints
//   normalise_targets   what a step learns: (target - mean) / deviation of the RoI's class
//   undo_normalisation  what the predictor gives, back in the coder's units: delta * deviation + mean, in place
// The release writes the second into the weights of its predictor when it saves (bbox_pred's rows times deviation, plus mean): the same
// numbers.
#include "frcnn/core/executor.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/roi/target.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::roi {

template <Real T, Backend B>
class target_statistics {
 public:
  explicit target_statistics(int classes) {
    for (auto* const p : {&mean_, &deviation_}) {
      p->rank = 2;
      p->dims = {{classes + 1, 4, 1, 1}};
      p->kind = param_kind::buffer;
    }
    mean_.name = "target_mean";
    deviation_.name = "target_deviation";
    deviation_.init = initializer::constant(1);
  }

  statistics_view<T, B> values() const { return {mean_.value, deviation_.value}; }

  template <class V>
  void for_each_param(V&& visit) {
    visit(mean_);
    visit(deviation_);
  }

 private:
  param<T, B> mean_, deviation_;
};

namespace detail {
template <Real T, Backend B>
struct normalise_target {
  statistics_view<T, B> by;
  targets<T, B> decided;
  FRCNN_HD void operator()(std::size_t at) const {
    int const u = decided.label.data[at];
    if (u <= 0) return;
    decided.target.data[at] = by.normalised(decided.target.data[at], u);
  }
};
template <Real T, Backend B>
struct undo_delta {
  statistics_view<T, B> by;
  view<T, 2, B> deltas;
  FRCNN_HD void operator()(std::size_t at) const {
    std::size_t const column = at % static_cast<std::size_t>(deltas.dims[1]);
    deltas.data[at] = deltas.data[at] * by.deviation.data[column] + by.mean.data[column];
  }
};
}  // namespace detail

template <Real T, Backend B>
void normalise_targets(typename B::context& c, statistics_view<T, B> by, targets<T, B> decided) {
  exec<B>::for_each(c, decided.label.size(), detail::normalise_target<T, B>{by, decided});
}

// deltas [rows, 4(K+1)]
template <Real T, Backend B>
void undo_normalisation(typename B::context& c, statistics_view<T, B> by, view<T, 2, B> deltas) {
  exec<B>::for_each(c, deltas.size(), detail::undo_delta<T, B>{by, deltas});
}

}  // namespace frcnn::roi
FRCNN_HIDDEN_END
