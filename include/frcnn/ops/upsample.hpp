#pragma once
// Nearest-neighbour resampling of maps to other extents, as torchvision's feature pyramid enlarges a level to the one below it.
//
//   x [N, C, H, W]   y [N, C, Ho, Wo], any extents
//   y[i, j] = x[source(i), source(j)],  source(i) = min(floor(i * (H / Ho)), H - 1), the quotient and the product in float
// Where Ho = 2 H that is i / 2. Whatever the scalar of the maps, so that float and double read the same cells. The definition is that of
// torch 2.15 for float maps (interpolate, mode "nearest", given a size); for some double maps torch has the quotient in double.
//
// ops::upsample<B>::
//   forward(c, x, y)
//   backward(c, dy, dx, how)      every dx element is the sum of the dy that copied it; none copied: 0
#include "frcnn/core/param.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// One axis of it.
struct nearest_axis {
  int in, out;
  float step;

  FRCNN_HD nearest_axis(int in, int out) : in(in), out(out), step(static_cast<float>(in) / static_cast<float>(out)) {}

  FRCNN_HD int source(int i) const {
    int const s = static_cast<int>(static_cast<float>(i) * step);
    return s < in ? s : in - 1;
  }
  // The first output whose source is s or later; `out` where there is none. Those that copy s are [first(s), first(s + 1)).
  FRCNN_HD int first(int s) const {
    if (s <= 0) return 0;
    if (s >= in) return out;
    int i = static_cast<int>(static_cast<float>(s) / step);  // right but for rounding
    i = i < out ? i : out;
    while (i > 0 && source(i - 1) >= s) --i;
    while (i < out && source(i) < s) ++i;
    return i;
  }
};

namespace ops {
template <class B>
struct upsample : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op upsample is not there for this backend; include frcnn/backend/<backend>/upsample.hpp");
};
}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
