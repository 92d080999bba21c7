#pragma once
// ProposalGenerator<Anchors>: feature maps to a set of class-agnostic boxes, and how it learns (section 3.1).
//   1. P::coder, P::channels, p.anchors()   its BoxCoder, the channels it reads, its anchor scheme
//   2. p.capacity(phase)                    proposals per image at most, known on the host
//   3. p.forward(c, batch, maps, phase, rois)   inference: rois [N, capacity(phase)] by descending score
//   4. training in three calls, so that an RPN-only step makes no proposals:
//        p.forward(c, batch, maps, tape)
//        p.loss(c, batch, truth, rng, tape, loss)   loss[0] += objectness, loss[1] += box regression, on the device
//        p.proposals(c, batch, tape, phase, rois)   rois as constants
//   5. p.backward(c, tape, drois, dmaps, how)   losses, and drois where drois.data != nullptr (exact joint), to d(maps): set or add
#include "frcnn/concepts/anchor_scheme.hpp"
#include "frcnn/concepts/box_coder.hpp"
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/concepts/batch.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/proposal_limits.hpp"

namespace frcnn::inline FRCNN_ABI {

template <class P, class Anchors>
concept ProposalGenerator =
    AnchorScheme<Anchors> && Trainable<P> && BoxCoder<typename P::coder> && (P::channels > 0) &&
    requires(P& p, P const& k, context_of<P>& c, batch<scalar_of<P>, device_of<P>> im, maps<scalar_of<P>, Anchors::levels, device_of<P>> const& f,
             maps<scalar_of<P>, Anchors::levels, device_of<P>>& df, truth<scalar_of<P>, device_of<P>> gt, rng<device_of<P>> r,
             counted<box<scalar_of<P>>, 2, device_of<P>> roi, typename P::tape& t, view<scalar_of<P>, 1, device_of<P>> loss, phase ph, write w) {
      { k.anchors() } -> std::convertible_to<Anchors>;
      { k.capacity(ph) } -> std::convertible_to<int>;
      k.forward(c, im, f, ph, roi);
      k.forward(c, im, f, t);
      k.loss(c, im, gt, r, t, loss);
      k.proposals(c, im, t, ph, roi);
      p.backward(c, t, roi.rows, df, w);
    };

}  // namespace frcnn
