#pragma once
// ops::max_pool of the CUDA backend: a thread for each element of y, or of dx. argmax holds y*W + x of the winner in its map, in the order
// of y's memory. Backward asks each window over a cell who won it, and adds in the windows' order.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/ops/max_pool.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class T>
struct pool_element {
  pool_spec spec;
  shape<4> in, out;
  T const* x;
  T* y;
  std::int32_t* argmax;

  FRCNN_HD void operator()(std::size_t i) const {
    map_element const at(i, out);
    int const top = at.y * spec.stride - spec.pad, left = at.x * spec.stride - spec.pad;
    int const y0 = inside(top, in[2]), x0 = inside(left, in[3]);
    running_max<T> best{x[index_of(at.n, y0, x0, at.c, in)], y0 * in[3] + x0};
    for (int v = y0; v < top + spec.kernel && v < in[2]; ++v)
      for (int u = x0; u < left + spec.kernel && u < in[3]; ++u) best.take(x[index_of(at.n, v, u, at.c, in)], v * in[3] + u);
    y[i] = best.value;
    if (argmax) argmax[i] = best.at;
  }
  FRCNN_HD static int inside(int v, int extent) { return v < 0 ? 0 : v < extent ? v : extent - 1; }
};

template <class T>
struct pool_gradient {
  pool_spec spec;
  shape<4> in, out;
  std::int32_t const* argmax;
  T const* dy;
  T* dx;
  writing how;

  // The windows that may have taken cell v of an axis: those over it; a window wholly outside of the map has its winner on the border.
  struct windows {
    int first, last;
    FRCNN_HD windows(pool_spec const& s, int v, int extent, int outputs) {
      int const before = v + s.pad - s.kernel;
      first = v == 0 || before < 0 ? 0 : before / s.stride + 1;
      last = v == extent - 1 ? outputs - 1 : (v + s.pad) / s.stride;
      if (last > outputs - 1) last = outputs - 1;
    }
  };

  FRCNN_HD void operator()(std::size_t i) const {
    map_element const at(i, in);
    windows const rows(spec, at.y, in[2], out[2]), columns(spec, at.x, in[3], out[3]);
    std::int32_t const own = at.y * in[3] + at.x;
    T sum = how == writing::set ? T(0) : dx[i];
    for (int v = rows.first; v <= rows.last; ++v)
      for (int u = columns.first; u <= columns.last; ++u) {
        std::size_t const from = index_of(at.n, v, u, at.c, out);
        if (argmax[from] == own) sum += dy[from];
      }
    dx[i] = sum;
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct max_pool<B> {
  template <Real T>
  static void forward(typename B::context& c, pool_spec spec, activation<T, B> x, activation<T, B> y, view<std::int32_t, 1, B> argmax) {
    check(spec, x.dims, y.dims);
    FRCNN_ASSERT(!argmax || argmax.size() == y.dims.size());
    exec<B>::for_each(c, y.dims.size(), frcnn::detail::pool_element<T>{spec, x.dims, y.dims, x.data, y.data, argmax.data});
  }
  template <Real T>
  static void backward(typename B::context& c, pool_spec spec, view<std::int32_t const, 1, B> argmax, activation<T, B> dy,
                       activation<T, B> dx, writing how) {
    check(spec, dx.dims, dy.dims);
    FRCNN_ASSERT(argmax.size() == dy.dims.size());
    exec<B>::for_each(c, dx.dims.size(), frcnn::detail::pool_gradient<T>{spec, dx.dims, dy.dims, argmax.data, dy.data, dx.data, how});
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
