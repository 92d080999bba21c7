#pragma once
// The same work on the CPU and on cuda_on_host, with threads in three orders, and what both find.
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/backend/cuda/host/executor.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <tuple>
#include <type_traits>

namespace cuda_tests {

using namespace frcnn;

inline constexpr thread_order every_order[] = {thread_order::ascending, thread_order::descending, thread_order::shuffled};

// f(context, B{}) on the CPU and then on the device in every order.
template <class F>
void on_each(F f) {
  cpu::context host(2);
  f(host, cpu{});
  for (auto const order : every_order) {
    cuda_on_host::context c({.order = order});
    f(c, cuda_on_host{});
  }
}

// The same; on the device f neither waits nor allocates.
template <class F>
void on_both(F f) {
  on_each([&]<class B>(typename B::context& c, B b) {
    if constexpr (std::is_same_v<B, cpu>) {
      f(c, b);
    } else {
      detail::capture_scope const captured(c);
      f(c, b);
    }
  });
}

// What f writes into the arrays, on the CPU first, then compared with what the device writes.
template <class... Arrays>
class expected_from_cpu {
 public:
  template <class B>
  void compare(B, Arrays const&... found) {
    if constexpr (std::is_same_v<B, cpu>) arrays_ = std::make_unique<std::tuple<Arrays...>>(found...);
    else CHECK(std::tie(found...) == *arrays_);
  }

 private:
  std::unique_ptr<std::tuple<Arrays...>> arrays_;
};

}  // namespace cuda_tests
