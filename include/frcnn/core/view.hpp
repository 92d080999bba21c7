#pragma once
// A non-owning row-major view of device memory: trivially copyable, passed to kernels by value.
//
// data == nullptr means "not wanted" wherever a view is an output, and "not there" wherever it is an optional input.
// Invariant: element (i, j, ...) lies at data[(i * dims[1] + j) * dims[2] + ...].
#include "frcnn/core/backend.hpp"

#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, int R, Backend B>
struct view {
  T* data = nullptr;
  shape<R> dims{};

  FRCNN_HD constexpr std::size_t size() const { return dims.size(); }
  FRCNN_HD constexpr explicit operator bool() const { return data != nullptr; }

  template <class... I>
  requires(sizeof...(I) == R) FRCNN_HD constexpr T& operator()(I... i) const {
    std::size_t const index[] = {static_cast<std::size_t>(i)...};
    std::size_t at = index[0];
    for (int r = 1; r < R; ++r) at = at * static_cast<std::size_t>(dims[r]) + index[r];
    return data[at];
  }

  // view<T> to view<T const>. A constrained template: a plain conversion operator draws a warning from nvcc.
  template <class U>
  requires(!std::same_as<U, T> && std::same_as<U, T const>) FRCNN_HD constexpr operator view<U, R, B>() const { return {data, dims}; }
};

// What Backend (core/backend.hpp) cannot say without views: activations to and from plain [N, C, H, W] in device memory, queued.
template <class B>
concept PlainLayout = requires(typename B::context& c, activation<float, B> a, view<float const, 4, B> in, view<float, 4, B> out) {
  c.from_plain(in, a);
  c.to_plain(a, out);
};

}  // namespace frcnn
FRCNN_HIDDEN_END
