#pragma once
// The gradients of a step between backward and update: what before_update is given.
//
//   packed()   the gradients of all that learns in one buffer, sums over the step's micro-batches. A parameter's place is its entry's
//              gradient_offset. What this step has not reached, and the gaps between parameters, are 0
//   losses     [4], means over the micro-batches
// Everything lies on the device, in the order of `context`: work on it goes there. The update divides by `accumulated`, clips, and applies.
//
// Data parallel: trainer::share sums losses and gradients over all processes, beside backward, and before this hook (shared_gradients.hpp).
// By hand, with this hook: average packed() and losses over all trainers, on the devices. Every trainer then applies the same gradients; and
// because the verdict looks at the losses and the norm that it is left with, a step that is not finite on one of them is not finite on all:
// none of them applies it, and each throws at the same step. Losses are then normalised in each of them by what it has sampled; where all
// sample full batches, the average is the gradient of one large batch.
#include "frcnn/core/executor.hpp"
#include "frcnn/nn/parameter_store.hpp"

#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
struct step_gradients {
  typename B::context& context;
  parameter_store<T, B>& parameters;
  int accumulated;
  view<T, 1, B> losses;

  std::span<T> packed() const { return parameters.gradients(); }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
