#pragma once
// Typed scratch from a context's arena. It dies with the innermost frame of the context; its contents are undefined.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/counted.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, Backend B, int R>
view<T, R, B> scratch(typename B::context& c, shape<R> s) {
  return {static_cast<T*>(c.scratch(checked::bytes<T>(s))), s};
}

template <class T, Backend B>
counted<T, 2, B> scratch_counted(typename B::context& c, int segments, int capacity) {
  return {scratch<T, B>(c, shape<2>{{segments, capacity}}), scratch<std::int32_t, B>(c, shape<1>{{segments}})};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
