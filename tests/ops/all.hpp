#pragma once
// Every described operation, in the order of docs/backends.md.
#include "add_maps.hpp"
#include "conv2d.hpp"
#include "linear.hpp"
#include "lrn.hpp"
#include "max_pool.hpp"

namespace ops_described {

// f.template operator()<Op>() for each.
template <class F>
void for_each_op(F f) {
  f.template operator()<conv2d>();
  f.template operator()<linear>();
  f.template operator()<max_pool>();
  f.template operator()<lrn>();
  f.template operator()<add_maps>();
}

}  // namespace ops_described
