#pragma once
// ProposalGenerator<Anchors>: feature maps to a set of class-agnostic boxes, and how it learns (section 3.1).
//   1. P::coder, P::channels, p.anchors()   its BoxCoder, the channels it reads (any_channels: p.map_channels() has them), its anchor scheme
//                                           (which faster_rcnn finds as P::anchors_type)
//   2. p.capacity(phase)                    proposals per image at most, known on the host
//   3. p.infer(c, batch, maps, phase, rois)     inference: rois [N, capacity(phase)] by descending score
//   4. training in four calls, so that an RPN-only step makes no proposals:
//        p.forward(c, batch, maps, tape)        the network
//        p.targets(c, batch, truth, rng, tape)  what each anchor is to learn, and which are sampled
//        p.loss(c, batch, truth, tape, loss)    loss[0] += objectness, loss[1] += box regression, on the device; gradients by outputs
//        p.propose(c, batch, tape, phase, rois) regions from what forward has left
//   5. p.backward(c, tape, drois, dmaps, how, gradients)   losses, and drois where drois.data != nullptr (exact joint), to d(maps): set or
//                                               add. drois [N, capacity]: d(loss)/d(corners) of each region that propose gave, in its row.
//                                               A level of dmaps without memory is not wanted, and not computed
//   6. P::has_own_maps == true, where it is there: it makes the maps it reads of the batch's pixels (rpn/own_backbone.hpp). Those that it
//      is given have no memory, d(maps) are none of its business. Where only the object knows: p.makes_own_maps() says it
//
// The smallest model:
//   struct whole_image {                                        // proposes one region: all of the image
//     using scalar = float;  using device = cpu;  struct tape {};
//     using anchors_type = grid_anchors<1>;  using coder = box_coder;
//     using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
//     using regions = counted<box<float>, 2, cpu>;
//     static constexpr int channels = 3;
//     anchors_type anchors() const { return {}; }
//     int capacity(phase) const { return 1; }
//     void infer(context&, images im, map const&, phase, regions rois) const { whole(im, rois); }
//     void forward(context&, images, map const&, tape&) const {}
//     void targets(context&, images, truth<float, cpu>, rng<cpu>, tape&) const {}
//     void loss(context&, images, truth<float, cpu>, tape&, view<float, 1, cpu>) const {}
//     void propose(context&, images im, tape&, phase, regions rois) const { whole(im, rois); }
//     void backward(context&, tape&, view<box<float>, 2, cpu>, map& df, writing how, writing) {
//       if (df.level[0] && how == writing::set) std::fill_n(df.level[0].data, df.level[0].dims.size(), 0.f);
//     }
//     template <class V> void for_each_param(V&&) {}
//     static void whole(images im, regions rois) {
//       for (int n = 0; n < im.size(); ++n) rois.rows(n, 0) = {0, 0, im.info(n).w, im.info(n).h}, rois.count(n) = 1;
//     }
//   };
#include "frcnn/concepts/anchor_scheme.hpp"
#include "frcnn/concepts/batch.hpp"
#include "frcnn/concepts/box_coder.hpp"
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/phase.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// A generator that reads maps of its own, not the detector's.
template <class P>
concept HasOwnMaps = requires {
  requires P::has_own_maps;
};
template <class P>
bool makes_own_maps(P const& p) {
  if constexpr (requires { p.makes_own_maps(); }) return p.makes_own_maps();
  else return HasOwnMaps<P>;
}

// clang-format off
template <class P, class Anchors>
concept ProposalGenerator =
    AnchorScheme<Anchors> && Trainable<P> && BoxCoder<typename P::coder> && ReadsChannels<P> &&
    requires(P& p, P const& k, context_of<P>& c, batch<scalar_of<P>, device_of<P>> im, maps<scalar_of<P>, Anchors::levels, device_of<P>> const& f,
             maps<scalar_of<P>, Anchors::levels, device_of<P>>& df, truth<scalar_of<P>, device_of<P>> gt, rng<device_of<P>> r,
             counted<box<scalar_of<P>>, 2, device_of<P>> roi, typename P::tape& t, view<scalar_of<P>, 1, device_of<P>> loss, phase ph, writing w) {
      { k.anchors() } -> std::convertible_to<Anchors>;
      { k.capacity(ph) } -> std::convertible_to<int>;
      k.infer(c, im, f, ph, roi);
      k.forward(c, im, f, t);
      k.targets(c, im, gt, r, t);
      k.loss(c, im, gt, t, loss);
      k.propose(c, im, t, ph, roi);
      p.backward(c, t, roi.rows, df, w, w);
    };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
