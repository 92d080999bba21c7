#pragma once
// Every op of the queued backend: the CPU's, queued with copies of its arguments. (ops::conv_chain runs layer by layer, as for every
// backend that does not say otherwise.)
#include "frcnn/backend/cpu/add_maps.hpp"
#include "frcnn/backend/cpu/conv2d.hpp"
#include "frcnn/backend/cpu/linear.hpp"
#include "frcnn/backend/cpu/lrn.hpp"
#include "frcnn/backend/cpu/max_pool.hpp"
#include "frcnn/backend/cpu/roi_features.hpp"
#include "frcnn/backend/cpu/rows.hpp"
#include "frcnn/backend/cpu/upsample.hpp"
#include "frcnn/backend/queued/context.hpp"

#include <tuple>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <Real T>
conv2d_epilogue<T, cpu> on_cpu(conv2d_epilogue<T, queued> const& e) {
  return {on_cpu(e.bias), on_cpu(e.scale), e.residual};
}
template <Real T>
conv2d_gradients<T, cpu> on_cpu(conv2d_gradients<T, queued> const& d) {
  return {on_cpu(d.weight), on_cpu(d.bias), on_cpu(d.scale), d.how, d.x, d.x_how, d.residual, d.residual_how};
}

// f(host, arguments...) in its turn.
template <class F, class... Arguments>
void queue_call(queued::context& c, F f, Arguments const&... arguments) {
  c.push([f, owned = std::make_tuple(on_cpu(arguments)...)](cpu::context& host) mutable {
    std::apply([&](auto&... given) { f(host, given...); }, owned);
  });
}

// Static functions of Op, called with or without their scalar named.
template <class Op>
struct queued_op {
  template <class... T, class... Arguments>
  static void forward(queued::context& c, Arguments&&... arguments) {
    queue_call(
        c,
        [](cpu::context& host, auto&... given) {
          if constexpr (sizeof...(T) == 0) Op::forward(host, given...);
          else Op::template forward<T...>(host, given...);
        },
        arguments...);
  }
  template <class... T, class... Arguments>
  static void backward(queued::context& c, Arguments&&... arguments) {
    queue_call(
        c,
        [](cpu::context& host, auto&... given) {
          if constexpr (sizeof...(T) == 0) Op::backward(host, given...);
          else Op::template backward<T...>(host, given...);
        },
        arguments...);
  }
};

// With a gradient by regions too.
template <class Op>
struct queued_regions : queued_op<Op> {
  template <class... Arguments>
  static void backward_rois(queued::context& c, Arguments&&... arguments) {
    queue_call(
        c, [](cpu::context& host, auto&... given) { Op::backward_rois(host, given...); }, arguments...);
  }
};

}  // namespace detail

namespace ops {

template <>
struct conv2d<queued> : frcnn::detail::queued_op<conv2d<cpu>> {
  static constexpr param_order weight_order = conv2d<cpu>::weight_order;
  using kept = conv2d<cpu>::kept;
};
template <>
struct linear<queued> : frcnn::detail::queued_op<linear<cpu>> {
  using kept = linear<cpu>::kept;
};
template <>
struct max_pool<queued> : frcnn::detail::queued_op<max_pool<cpu>> {};
template <>
struct lrn<queued> : frcnn::detail::queued_op<lrn<cpu>> {};
template <>
struct add_maps<queued> : frcnn::detail::queued_op<add_maps<cpu>> {};
template <>
struct upsample<queued> : frcnn::detail::queued_op<upsample<cpu>> {};
template <>
struct roi_align<queued> : frcnn::detail::queued_regions<roi_align<cpu>> {};
template <>
struct roi_warp<queued> : frcnn::detail::queued_regions<roi_warp<cpu>> {};
template <>
struct roi_pool<queued> : frcnn::detail::queued_op<roi_pool<cpu>> {};
template <>
struct rows<queued> {
  template <class T, class... Arguments>
  static void gather(queued::context& c, Arguments&&... arguments) {
    frcnn::detail::queue_call(
        c, [](cpu::context& host, auto&... given) { rows<cpu>::template gather<T>(host, given...); }, arguments...);
  }
  template <class T, class... Arguments>
  static void scatter(queued::context& c, Arguments&&... arguments) {
    frcnn::detail::queue_call(
        c, [](cpu::context& host, auto&... given) { rows<cpu>::template scatter<T>(host, given...); }, arguments...);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
