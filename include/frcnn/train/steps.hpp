#pragma once
// What one micro-batch trains: the function that a trainer calls between feed and update.
//
//   joint_step   approximate joint training (section 3.2, ii): the RPN and the head together on the same maps, proposals as constants
//   exact_step   exact joint training (3.2, iii): the head's losses move proposals too; a detector whose pooler warps (roi/pooler.hpp)
//   rpn_step     the RPN alone (3.2, i, steps 1 and 3)
//   head_step    the head alone, on the batch's regions (steps 2 and 4; Fast R-CNN)
// Any function of these arguments will do: step(model, context, batch, truth, rng, tape, loss, written), loss [4] as faster_rcnn's. It
// returns which parts have gradients then, as the model's steps do: those that this micro-batch has written, and `written`. Gradients add
// up in the parameter store until the optimiser takes them; it leaves the other parts alone.
#include "frcnn/concepts/batch.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/core/rng.hpp"

#include <functional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Model, class T = typename Model::scalar, class B = typename Model::device>
using step_function = std::function<part_set(Model&, typename B::context&, batch<T, B> const&, truth<T, B> const&, rng<B>,
                                             typename Model::tape&, view<T, 1, B>, part_set written)>;

struct joint_step {
  static constexpr char const* name = "joint";

  template <class Model, class... Arguments>
  part_set operator()(Model& model, Arguments&&... arguments) const {
    return model.step(arguments...);
  }
};

struct exact_step {
  static constexpr char const* name = "exact";

  template <class Model, class... Arguments>
  part_set operator()(Model& model, Arguments&&... arguments) const {
    return model.step_exact(arguments...);
  }
};

struct rpn_step {
  template <class Model, class... Arguments>
  part_set operator()(Model& model, Arguments&&... arguments) const {
    return model.step_rpn(arguments...);
  }
};

struct head_step {
  template <class Model, class... Arguments>
  part_set operator()(Model& model, Arguments&&... arguments) const {
    return model.step_head(arguments...);
  }
};

// Whether it is one of these, which queue the same work for the same shapes; of others nothing is known.
template <class Model>
bool is_recordable(step_function<Model> const& f) {
  return f.template target<joint_step>() || f.template target<exact_step>() || f.template target<rpn_step>() ||
         f.template target<head_step>();
}

}  // namespace frcnn
FRCNN_HIDDEN_END
