#pragma once
// The executor's six words on block-level kernels (block.hpp), written once for the device and for the host launcher.
//
// exec<cuda> (executor.cuh) and exec<cuda_on_host> (host/executor.hpp) are block_executor of their tag. Each word queues kernels and takes
// its memory from the arena: none allocates, waits, or reads a count on the host. Decisions are the CPU's: order of equal keys, which boxes
// survive, which positions are listed. Sums are folded in another order than the CPU's, which K alone fixes.
//   for_each           for_each.hpp     a thread an item
//   segmented_sort     sort.hpp         tiles sorted in shared memory, then merged
//   scan, select       block_scan.hpp   a block a segment
//   segmented_reduce   reduce.hpp       a block for 4096 items, then one for 4096 of those
//   nms_sweep          nms_sweep.hpp    a block a segment
#include "frcnn/backend/cuda/block_scan.hpp"
#include "frcnn/backend/cuda/for_each.hpp"
#include "frcnn/backend/cuda/nms_sweep.hpp"
#include "frcnn/backend/cuda/reduce.hpp"
#include "frcnn/backend/cuda/sort.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <Backend B>
struct block_executor {
  using context = typename B::context;

  template <class F>
  static void for_each(context& c, std::size_t n, F f) {
    for_each_on(c, n, f);
  }

  template <class Key>
  static void segmented_sort(context& c, view<Key, 2, B> keys, view<std::int32_t, 2, B> order, view<std::int32_t, 1, B> live) {
    FRCNN_ASSERT(order.dims[0] == keys.dims[0] && live.dims[0] == keys.dims[0]);
    sort_on<std::remove_const_t<Key>>(c, keys.data, size(keys.dims[0]), size(keys.dims[1]), {order.data, live.data, size(order.dims[1])});
  }

  // in and out may be the same memory.
  template <class In, class Out>
  static void scan(context& c, view<In, 2, B> in, view<Out, 2, B> out) {
    FRCNN_ASSERT(in.dims == out.dims);
    launch(c, size(in.dims[0]), scan_segment<In, Out>{in.data, out.data, size(in.dims[1])});
  }

  template <class Flag>
  static void select(context& c, view<Flag, 2, B> flags, view<std::int32_t, 2, B> index, view<std::int32_t, 1, B> count) {
    FRCNN_ASSERT(index.dims[0] == flags.dims[0] && count.dims[0] == flags.dims[0]);
    launch(c, size(flags.dims[0]), select_in_segment<Flag>{flags.data, index.data, count.data, size(flags.dims[1]), size(index.dims[1])});
  }

  template <class T, class F, class Op>
  static void segmented_reduce(context& c, int segments, int k, T init, F f, Op op, std::type_identity_t<view<T, 1, B>> out) {
    FRCNN_ASSERT(out.dims[0] == segments);
    reduce_on(c, size(segments), size(k), init, f, op, out.data);
  }

  // Box: box<T> or box<T> const.
  template <class Box, class Suppress>
  static void nms_sweep(context& c, counted<Box, 2, B> boxes, Suppress suppress, counted<std::int32_t, 2, B> survivors) {
    using T = decltype(std::remove_const_t<Box>::x1);
    FRCNN_ASSERT(survivors.rows.dims[0] == boxes.rows.dims[0]);
    std::size_t const segments = size(boxes.rows.dims[0]), k = size(boxes.rows.dims[1]), m = size(survivors.rows.dims[1]);
    typename context::frame const scope(c);
    auto* const survivor_boxes = static_cast<box<T>*>(c.scratch(checked::bytes<box<T>>(checked::product(segments, std::min(k, m)))));
    launch(c, segments,
           sweep_segment<T, Suppress>{boxes.rows.data, boxes.count.data, survivors.rows.data, survivors.count.data, survivor_boxes, k, m,
                                      suppress});
  }

 private:
  static std::size_t size(std::int32_t extent) { return static_cast<std::size_t>(extent); }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
