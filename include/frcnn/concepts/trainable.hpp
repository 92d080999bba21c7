#pragma once
// Trainable: a part with parameters and a tape.
//   1. X::tape                 what forward leaves for backward; default-constructible, movable, lives outside the part, is reused
//   2. x.for_each_param(v)     shows every parameter to the visitor, inside the scopes that make its full name:
//                              v.enter("scope"), v(param), v.leave()
//
// The smallest model:
//   struct scale {
//     using scalar = float;  using device = cpu;  struct tape {};
//     param<float, cpu> gain{.name = "gain", .dims = {{1, 1, 1, 1}}};
//     template <class V> void for_each_param(V&& visit) { visit(gain); }
//   };
#include "frcnn/concepts/numeric.hpp"
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Stands for any visitor when a concept is checked.
template <Real T, Backend B>
struct param_probe {
  void operator()(param<T, B>&) const;
  void enter(std::string const& scope) const;
  void leave() const;
};

// clang-format off
template <class X>
concept Trainable = Numeric<X> && std::movable<typename X::tape> && std::default_initializable<typename X::tape> &&
                    requires(X& x, param_probe<scalar_of<X>, device_of<X>> p) { x.for_each_param(p); };
// clang-format on

}  // namespace frcnn
FRCNN_HIDDEN_END
