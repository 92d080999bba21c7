#pragma once
// ops::add_maps of the CUDA backend: a thread for each element.
#include "frcnn/backend/cuda/bias_relu.hpp"
#include "frcnn/ops/add_maps.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <class T>
struct add_element {
  T const *a, *b;
  T* y;
  bool relu;
  FRCNN_HD void operator()(std::size_t i) const {
    T const v = a[i] + b[i];
    y[i] = relu && v < T(0) ? T(0) : v;  // NaN stays NaN: the loss must see it
  }
};
}  // namespace detail

namespace ops {

template <CudaDevice B>
struct add_maps<B> {
  template <Real T>
  static void forward(typename B::context& c, bool relu, activation<T, B> a, activation<T, B> b, activation<T, B> y) {
    check_sum_of_maps(a.dims, b.dims, y.dims);
    exec<B>::for_each(c, y.dims.size(), frcnn::detail::add_element<T>{a.data, b.data, y.data, relu});
  }
  template <Real T>
  static void backward(typename B::context& c, bool relu, activation<T, B> y, activation<T, B> dy, activation<T, B> da, writing da_how,
                       activation<T, B> db, writing db_how) {
    if (relu) exec<B>::for_each(c, dy.dims.size(), frcnn::detail::mask_element<T>{y.data, dy.data});
    frcnn::detail::pass_on<T, B>(c, dy, da, da_how);
    frcnn::detail::pass_on<T, B>(c, dy, db, db_how);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
