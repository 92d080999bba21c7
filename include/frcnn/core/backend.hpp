#pragma once
// The backend tag, and what stands behind it.
//
// A backend is an empty type that names a device: `frcnn::cpu`, later `frcnn::cuda`. It brings
//   1. context             the device's run-time state: threads or stream, the arena, the engine. One per calling thread, made of `options`.
//   2. context::frame      RAII scope of the arena: scratch made inside it dies with it
//   3. activation<T>       [N,C,H,W] in the engine's own layout and storage type; nobody but the backend's ops looks inside
//   4. allocate/deallocate device memory for buffer<T, B>, or an exception; copy_in/copy_out move it from and to the host
//   5. in_host_memory      whether that memory is the host's, so that other memory of the host serves as well
// A new backend is a new folder, never an #ifdef inside an algorithm.
#include "frcnn/core/shape.hpp"

#include <concepts>
#include <cstddef>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;  // double: gradient checks

// clang-format off
template <class B>
concept Backend = std::is_empty_v<B> && requires(typename B::context& c, std::size_t n, shape<4> s, void* device, void const* host) {
  typename B::context::frame;
  { c.scratch(n) } -> std::same_as<void*>;  // bytes from the arena: no malloc, no synchronisation
  { c.template make<float>(s) } -> std::same_as<typename B::template activation<float>>;
  { B::allocate(n) } -> std::same_as<void*>;
  B::deallocate(device);
  B::copy_in(device, host, n);
  B::copy_out(device, host, n);
  { B::in_host_memory } -> std::convertible_to<bool>;
  };
// clang-format on

template <class T, Backend B>
using activation = typename B::template activation<T>;

namespace detail {
template <class...>
inline constexpr bool never = false;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
