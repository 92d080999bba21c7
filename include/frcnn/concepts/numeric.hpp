#pragma once
// Numeric: a part that says which scalar it computes with and on which device.
//   1. X::scalar  float or double        2. X::device  a backend tag
// SameWorld: two parts that agree on both, so that one's output is the other's input.
#include "frcnn/core/backend.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class X>
using scalar_of = typename X::scalar;
template <class X>
using device_of = typename X::device;
template <class X>
using context_of = typename X::device::context;

template <class X>
concept Numeric = Real<scalar_of<X>> && Backend<device_of<X>>;

template <class P, class Q>
concept SameWorld = std::same_as<scalar_of<P>, scalar_of<Q>> && std::same_as<device_of<P>, device_of<Q>>;

}  // namespace frcnn
FRCNN_HIDDEN_END
