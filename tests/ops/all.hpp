#pragma once
// Every described operation, in the order of docs/backends.md: those that a backend implements in ops/, and the words of its executor.
#include "add_maps.hpp"
#include "conv2d.hpp"
#include "conv_chain.hpp"
#include "for_each.hpp"
#include "linear.hpp"
#include "lrn.hpp"
#include "max_pool.hpp"
#include "nms_sweep.hpp"
#include "roi_align.hpp"
#include "roi_pool.hpp"
#include "roi_warp.hpp"
#include "rows.hpp"
#include "scan.hpp"
#include "segmented_reduce.hpp"
#include "segmented_sort.hpp"
#include "select.hpp"
#include "upsample.hpp"

namespace ops_described {

// f.template operator()<Op>() for each.
template <class F>
void for_each_op(F f) {
  auto const all = [&]<class... Op>() { (f.template operator()<Op>(), ...); };
  all.template operator()<conv2d, linear, max_pool, lrn, add_maps, upsample, conv_chain, roi_align, roi_pool, roi_warp, rows>();
  all.template operator()<for_each, segmented_sort, scan, select, segmented_reduce, nms_sweep>();
}

}  // namespace ops_described
