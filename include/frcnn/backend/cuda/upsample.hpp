#pragma once
// ops::upsample of the CUDA backend: a thread for each element of y, or of dx, which asks for the outputs that copied it.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/ops/upsample.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class T>
struct upsample_element {
  nearest_axis rows, columns;
  shape<4> in, out;
  T const* x;
  T* y;
  FRCNN_HD void operator()(std::size_t i) const {
    map_element const at(i, out);
    y[i] = x[index_of(at.n, rows.source(at.y), columns.source(at.x), at.c, in)];
  }
};

template <class T>
struct upsample_gradient {
  nearest_axis rows, columns;
  shape<4> in, out;
  T const* dy;
  T* dx;
  writing how;
  FRCNN_HD void operator()(std::size_t i) const {
    map_element const at(i, in);
    T sum = how == writing::set ? T(0) : dx[i];
    int const bottom = rows.first(at.y + 1), left = columns.first(at.x), right = columns.first(at.x + 1);
    for (int v = rows.first(at.y); v < bottom; ++v)
      for (int u = left; u < right; ++u) sum += dy[index_of(at.n, v, u, at.c, out)];
    dx[i] = sum;
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct upsample<B> {
  template <Real T>
  static void forward(typename B::context& c, activation<T, B> x, activation<T, B> y) {
    FRCNN_ASSERT(x.dims[0] == y.dims[0] && x.dims[1] == y.dims[1]);
    exec<B>::for_each(c, y.dims.size(),
                      frcnn::detail::upsample_element<T>{{x.dims[2], y.dims[2]}, {x.dims[3], y.dims[3]}, x.dims, y.dims, x.data, y.data});
  }
  template <Real T>
  static void backward(typename B::context& c, activation<T, B> dy, activation<T, B> dx, writing how) {
    FRCNN_ASSERT(dx.dims[0] == dy.dims[0] && dx.dims[1] == dy.dims[1]);
    exec<B>::for_each(
        c, dx.dims.size(),
        frcnn::detail::upsample_gradient<T>{{dx.dims[2], dy.dims[2]}, {dx.dims[3], dy.dims[3]}, dx.dims, dy.dims, dy.data, dx.data, how});
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
