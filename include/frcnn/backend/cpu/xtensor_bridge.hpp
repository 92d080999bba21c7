#pragma once
// xtensor in and out without a copy. For users: nothing in the library includes it (xtensor costs a second per file).
//
//   as_xtensor(view)        an xt::adapt over the view's memory, row-major, same dims; valid while the view's memory is
//   as_view(xt::xtensor&)   a view over the container's memory; valid while the container lives and keeps its shape
//
// Example: xt::xtensor<float, 2> scores = ...;  view<float, 2, cpu> v = as_view(scores);  auto same = as_xtensor(v);
//          same(0, 1) == scores(0, 1)
// Activations have the engine's layout: cpu::context::to_plain first.
#include "frcnn/backend/cpu/context.hpp"

#include <array>
#if __has_include(<xtensor/containers/xadapt.hpp>)  // 0.26 and later
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, int R>
auto as_xtensor(view<T, R, cpu> v) {
  std::array<std::size_t, R> dims;
  for (int i = 0; i < R; ++i) dims[i] = static_cast<std::size_t>(v.dims[i]);
  return xt::adapt<xt::layout_type::row_major>(v.data, v.size(), xt::no_ownership(), dims);
}

namespace detail {
template <class T, std::size_t R, class Container>
view<T, static_cast<int>(R), cpu> view_of(Container& x) {
  view<T, static_cast<int>(R), cpu> v{x.data(), {}};
  for (std::size_t i = 0; i < R; ++i) v.dims[static_cast<int>(i)] = static_cast<std::int32_t>(x.shape()[i]);
  return v;
}
}  // namespace detail

template <class T, std::size_t R>
auto as_view(xt::xtensor<T, R, xt::layout_type::row_major>& x) {
  return detail::view_of<T, R>(x);
}
template <class T, std::size_t R>
auto as_view(xt::xtensor<T, R, xt::layout_type::row_major> const& x) {
  return detail::view_of<T const, R>(x);
}
template <class T, std::size_t R>
void as_view(xt::xtensor<T, R, xt::layout_type::row_major> const&&) = delete;  // its memory would be gone

}  // namespace frcnn
FRCNN_HIDDEN_END
