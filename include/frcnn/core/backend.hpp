#pragma once
// The concept Backend: an empty tag type, and the operations that generic code needs of its device.
//
// A backend is an empty type that names a device: `frcnn::cpu`, `frcnn::cuda`. Its operations belong to a context, which is one
// in-order stream: what is queued on it runs in the order in which it was queued, some time later (on the CPU before the call returns).
//   1. options             what a context is made of; default: the device's own choice
//   2. context             the device's run-time state: threads or stream, the arena, the engine. One per calling thread
//   3. context::frame      RAII scope of the arena: scratch made inside it dies with it. The next frame hands out the same addresses, while
//                          kernels of the last one may still wait. This is right for one in-order stream only: what runs beside the stream
//                          (another stream, an overlapped all-reduce) must not touch scratch, or must be waited for inside the frame
//   4. activation<T>       [N,C,H,W] in the engine's own layout and storage type; nobody but the backend's ops looks inside.
//                          make: from the arena; make_at: in memory of storage<T>(shape) elements; from_plain, to_plain: see PlainLayout
//   5. memory, host_memory owners of a block: of the device, and of the host where copies may read and write asynchronously (pinned). They
//                          remember where they were made. One may be given up at any time: what was queued before still finds it
//   6. allocate, allocate_host  make them, or throw. Contents are undefined
//   7. copy_in, copy_out, copy  host to device, device to host, device to device: queued. The host's side must stay until the copy has run
//                          (core/staging.hpp sees to it)
//   8. event               a point of the order: record(context), done(), wait(). A default-constructed one is done
//   9. wait                all that was queued has run. Neither it nor event::wait is on the path of detect (but for the result) or step
//  10. in_host_memory      whether the device's memory is the host's and every call has done its work when it returns
// Allocation, copies, events and wait may be called by several threads at once; everything else on a context by one.
// Beside it a backend brings PlainLayout (core/view.hpp), the words of exec<B> (core/executor.hpp) and the ops (ops/*.hpp).
// tests/compile_pass/archetype.cpp is the smallest that compiles all generic code.
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
namespace detail {
template <class M>
concept OwnedMemory = std::movable<M> && std::default_initializable<M> && requires(M const& m) {
  { m.data() } noexcept -> std::same_as<void*>;  // nullptr when it owns nothing
};
template <class E, class Context>
concept StreamEvent = std::movable<E> && std::default_initializable<E> && requires(E& e, E const& k, Context& c) {
  e.record(c);
  { k.done() } -> std::convertible_to<bool>;
  k.wait();
};
}  // namespace detail

template <class B>
concept Backend =
    std::is_empty_v<B> && std::copyable<typename B::options> && std::default_initializable<typename B::options> &&
    std::constructible_from<typename B::context, typename B::options> && detail::OwnedMemory<typename B::memory> &&
    detail::OwnedMemory<typename B::host_memory> && detail::StreamEvent<typename B::event, typename B::context> &&
    std::constructible_from<typename B::context::frame, typename B::context&> &&
    requires(typename B::context& c, std::size_t n, shape<4> s, void* device, void const* source, void* host, void const* from_host) {
      { c.scratch(n) } -> std::same_as<void*>;  // bytes from the arena: no malloc, no synchronisation
      { c.template storage<float>(s) } -> std::convertible_to<std::size_t>;
      { c.template make<float>(s) } -> std::same_as<typename B::template activation<float>>;
      { c.template make_at<float>(device, s) } -> std::same_as<typename B::template activation<float>>;
      { c.template make<float>(s).dims } -> std::convertible_to<shape<4>>;
      { c.allocate(n) } -> std::same_as<typename B::memory>;
      { c.allocate_host(n) } -> std::same_as<typename B::host_memory>;
      c.copy_in(device, from_host, n);
      c.copy_out(host, source, n);
      c.copy(device, source, n);
      c.wait();
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
