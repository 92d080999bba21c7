#pragma once
// Fills device memory with X{}, which is zero for numbers and boxes: the first n elements from `to` on.
//
//   ops::clear<B>(c, to, n)      queued like any op; memory of another owner, such as the arena's or a view's
#include "frcnn/core/executor.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <class X>
struct clear_element {
  X* to;
  FRCNN_HD void operator()(std::size_t i) const { to[i] = X{}; }
};
}  // namespace detail

namespace ops {

template <Backend B, class X>
void clear(typename B::context& c, X* to, std::size_t n) {
  exec<B>::for_each(c, n, frcnn::detail::clear_element<X>{to});
}

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
