// Algorithms on a tag whose executor was not included.
// expect: frcnn: this backend has no executor; include frcnn/backend/<backend>/executor.hpp
#include "frcnn/backend/cpu/context.hpp"
#if !defined(FRCNN_MISTAKE)
#include "frcnn/backend/cpu/executor.hpp"
#endif
#include "frcnn/rpn/proposal.hpp"

int main() {
  using namespace frcnn;
  using conv = conventions::torchvision;
  cpu::context c(1);
  rpn::placed_anchors<grid_anchors<1>> anchors{};
  view<image_info<float> const, 1, cpu> info;
  view<float const, 3, cpu> logits, deltas;
  rpn::anchor_targets<conv>(c, anchors, info, truth<float, cpu>{}, {}, {}, rpn::anchor_target_options::of<conv>(), {}, {});
  rpn::propose<conv>(c, anchors, conv::rpn_coder(), info, logits, deltas, rpn::proposal_options{conv::limits(phase::test), .7},
                     counted<box<float>, 2, cpu>{});
}
