#pragma once
// Planes in a frame of other sides: cut right and below where it is smaller, zero there where it is larger. Of an image padded to its batch
// the image alone, and the other way round.
//
//   from [P, h, w]    to [P, H, W]    to(p, y, x) = y < h and x < w ? from(p, y, x) : 0
#include "frcnn/core/executor.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <Real T, Backend B>
struct fit_plane_element {
  view<T const, 3, B> from;
  view<T, 3, B> to;
  FRCNN_HD void operator()(std::size_t at) const {
    auto const w = static_cast<std::size_t>(to.dims[2]), h = static_cast<std::size_t>(to.dims[1]);
    auto const x = at % w, y = at / w % h, plane = at / w / h;
    auto const from_w = static_cast<std::size_t>(from.dims[2]), from_h = static_cast<std::size_t>(from.dims[1]);
    to.data[at] = x < from_w && y < from_h ? from.data[(plane * from_h + y) * from_w + x] : T(0);
  }
};
}  // namespace detail

namespace ops {

template <Real T, Backend B>
void fit_planes(typename B::context& c, view<T const, 3, B> from, view<T, 3, B> to) {
  FRCNN_ASSERT(from.dims[0] == to.dims[0]);
  exec<B>::for_each(c, to.size(), detail::fit_plane_element<T, B>{from, to});
}

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
