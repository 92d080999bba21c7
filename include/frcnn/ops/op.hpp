#pragma once
// How ops are declared: each is a struct template ops::<name><B> whose primary speaks and whose specialisation in
// backend/<backend>/<header of ops/>.hpp works. All functions are static, take the context first, and never allocate outside its arena.
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

// What a primary stands on: it takes every call, so that its sentence is all that the compiler says.
struct missing {
  static constexpr param_order weight_order{};
  struct kept {};
  template <class...>
  static void forward(auto&&...);
  template <class...>
  static void backward(auto&&...);
  template <class...>
  static void backward_rois(auto&&...);
  template <class...>
  static void gather(auto&&...);
  template <class...>
  static void scatter(auto&&...);
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
