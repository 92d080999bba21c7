#pragma once
// exec<queued>: exec<cpu>'s operations, queued with copies of their arguments.
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/backend/queued/context.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <>
struct exec<queued> {
  template <class F>
  static void for_each(queued::context& c, std::size_t n, F f) {
    static_assert(std::is_trivially_copyable_v<F>);
    c.push([n, f](cpu::context& host) { exec<cpu>::for_each(host, n, f); });
  }
  template <class Key>
  static void segmented_sort(queued::context& c, view<Key, 2, queued> keys, view<std::int32_t, 2, queued> order,
                             view<std::int32_t, 1, queued> live) {
    c.push([keys, order, live](cpu::context& host) {
      exec<cpu>::segmented_sort(host, detail::on_cpu(keys), detail::on_cpu(order), detail::on_cpu(live));
    });
  }
  template <class In, class Out>
  static void scan(queued::context& c, view<In, 2, queued> in, view<Out, 2, queued> out) {
    c.push([in, out](cpu::context& host) { exec<cpu>::scan(host, detail::on_cpu(in), detail::on_cpu(out)); });
  }
  template <class Flag>
  static void select(queued::context& c, view<Flag, 2, queued> flags, view<std::int32_t, 2, queued> index,
                     view<std::int32_t, 1, queued> count) {
    c.push([flags, index, count](cpu::context& host) {
      exec<cpu>::select(host, detail::on_cpu(flags), detail::on_cpu(index), detail::on_cpu(count));
    });
  }
  template <class T, class F, class Op>
  static void segmented_reduce(queued::context& c, int segments, int k, T init, F f, Op op, std::type_identity_t<view<T, 1, queued>> out) {
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_copyable_v<Op>);
    c.push([segments, k, init, f, op, out](cpu::context& host) {
      exec<cpu>::segmented_reduce(host, segments, k, init, f, op, detail::on_cpu(out));
    });
  }
  template <class Box, class Suppress>
  static void nms_sweep(queued::context& c, counted<Box, 2, queued> boxes, Suppress suppress, counted<std::int32_t, 2, queued> survivors) {
    static_assert(std::is_trivially_copyable_v<Suppress>);
    c.push([boxes, suppress, survivors](cpu::context& host) {
      exec<cpu>::nms_sweep(host, detail::on_cpu(boxes), suppress, detail::on_cpu(survivors));
    });
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
