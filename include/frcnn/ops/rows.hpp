#pragma once
// Cells of a map to plain rows and back: how the outputs of the RPN's siblings become views.
//
//   a [N, C, H, W] activation      rows [N, M, K] plain; map cell (y, x) is row first + y*W + x, its columns channels
//                                  channel ... channel + K
//
// ops::rows<B>:: gather(c, a, rows, first, channel)     rows of this level = those channels of a
//                scatter(c, rows, first, a, channel)    those channels of a = rows of this level (for gradients on their way back)
// Both set; several levels share one `rows` with their own `first`.
#include "frcnn/core/view.hpp"
#include "frcnn/ops/op.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <class B>
struct rows : missing {
  static_assert(frcnn::detail::never<B>, "frcnn: op rows is not there for this backend; include frcnn/backend/<backend>/rows.hpp");
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
