#pragma once
// The sum of two maps of one shape with an optional ReLU: the end of a residual block.
//
//   y = a + b, or max(0, a + b) with ReLU        a, b, y [N, C, H, W]
//
// ops::add_maps<B>::
//   forward(c, relu, a, b, y)                    y may be a or b; maps of different shapes are thrown as a frcnn::error
//   backward(c, relu, y, dy, da, da_how, db, db_how)
//        dy is overwritten: with ReLU it is masked by y > 0 in place. da and db are dy then, set or added; data == nullptr: not computed.
#include "frcnn/core/error.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline void check_sum_of_maps(shape<4> a, shape<4> b, shape<4> y) {
  if (!(a == y && b == y)) throw error("sum of maps", "maps of one shape", to_string(a) + " and " + to_string(b) + ", to " + to_string(y));
}

namespace ops {
template <class B>
struct add_maps : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op add_maps is not there for this backend; include frcnn/backend/<backend>/add_maps.hpp");
};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
