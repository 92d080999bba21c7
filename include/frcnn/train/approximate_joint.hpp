#pragma once
// Approximate joint training (section 3.2, ii): every step trains the RPN and the head together on the same maps; proposals are constants.
//
// A scheme is what the trainer calls for each micro-batch: scheme(model, context, batch, truth, rng, tape, loss, written). It returns which
// parts have gradients then, as the model's steps do (core/param.hpp, part_set). Gradients add up in the parameter store until the
// optimiser takes them.
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct approximate_joint {
  static constexpr char const* name = "joint";

  template <class Model, class... Arguments>
  part_set operator()(Model& model, Arguments&&... arguments) const {
    return model.step(arguments...);
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
