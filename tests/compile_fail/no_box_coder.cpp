// A box coder of one's own, given to the generator, that cannot decode.
// expect: frcnn: the coder of PG does not model BoxCoder, see frcnn/concepts/box_coder.hpp
#include "frcnn/backend/cpu.hpp"
#include "frcnn/rpn/rpn.hpp"
#include "parts.hpp"

using namespace parts;
struct shift_coder {
  template <class T>
  delta<T> encode(box<T> from, box<T> to) const {
    return {to.x1 - from.x1, to.y1 - from.y1, T(0), T(0)};
  }
#if !defined(FRCNN_MISTAKE)
  template <class T>
  box<T> decode(box<T> from, delta<T> d) const {
    return {from.x1 + d.dx, from.y1 + d.dy, from.x2 + d.dx, from.y2 + d.dy};
  }
#endif
};
using generator_type = region_proposal_network<usual, conventions::with_coder<conventions::torchvision, shift_coder>>;

int main() { faster_rcnn<backbone<usual>, generator_type, head<usual>> d({}, generator_type({}, {16}), {}); }
