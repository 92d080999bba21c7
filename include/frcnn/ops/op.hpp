#pragma once
// How ops are declared: each is a struct template ops::<name><B>. Its primary template is a static_assert that names the missing header;
// a backend specialises it in backend/<backend>/<header of ops/>.hpp. Functions are static, take the context first, and allocate nothing
// outside its arena.
#include "frcnn/core/param.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

// Base of the primary templates: it accepts any call, so that the static_assert is the only diagnostic.
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
