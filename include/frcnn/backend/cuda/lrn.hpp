#pragma once
// ops::lrn of the CUDA backend: a thread for each element, which sums over its neighbours anew.
//   dx = dy s^-beta - 2 beta alpha / n * x * sum over the neighbours of dy x s^(-beta - 1)
// Backward keeps dy x s^(-beta - 1) of the whole map in scratch. Sums are taken in T: a neighbourhood has few terms.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/ops/lrn.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// What an element has around it.
template <class T>
struct lrn_map {
  shape<4> dims;
  bool is_within;
  int half;
  T k, share, beta;

  lrn_map(lrn_spec const& s, shape<4> const& dims)
      : dims(dims),
        is_within(s.region == lrn_region::within_channel),
        half(s.size / 2),
        k(static_cast<T>(s.k)),
        share(static_cast<T>(s.share())),
        beta(static_cast<T>(s.beta)) {}

  // The sum of term(j) over the neighbours j of element i.
  template <class Term>
  FRCNN_HD T sum_around(std::size_t i, Term term) const {
    map_element const at(i, dims);
    T sum = T(0);
    if (!is_within) {
      for (int c = at.c < half ? 0 : at.c - half; c <= at.c + half && c < dims[1]; ++c) sum += term(i - at.c + c);
      return sum;
    }
    for (int y = at.y < half ? 0 : at.y - half; y <= at.y + half && y < dims[2]; ++y)
      for (int x = at.x < half ? 0 : at.x - half; x <= at.x + half && x < dims[3]; ++x) sum += term(index_of(at.n, y, x, at.c, dims));
    return sum;
  }
  FRCNN_HD T s(std::size_t i, T const* x) const {
    return k + share * sum_around(i, [&](std::size_t j) { return x[j] * x[j]; });
  }
  // s^-beta. 3/4, which every published network has, takes two square roots.
  FRCNN_HD T power(T s) const {
    if (beta == T(0.75)) return T(1) / (std::sqrt(s) * std::sqrt(std::sqrt(s)));
    return std::pow(s, -beta);
  }
};

template <class T>
struct lrn_element {
  lrn_map<T> map;
  T const* x;
  T* y;
  FRCNN_HD void operator()(std::size_t i) const { y[i] = x[i] * map.power(map.s(i, x)); }
};
template <class T>
struct lrn_through {
  lrn_map<T> map;
  T const *x, *dy;
  T* through;
  FRCNN_HD void operator()(std::size_t i) const {
    T const s = map.s(i, x);
    through[i] = dy[i] * x[i] * (map.power(s) / s);
  }
};
template <class T>
struct lrn_gradient {
  lrn_map<T> map;
  T const *x, *dy, *through;
  T* dx;
  writing how;
  FRCNN_HD void operator()(std::size_t i) const {
    T const around = map.sum_around(i, [&](std::size_t j) { return through[j]; });
    write(dx[i], dy[i] * map.power(map.s(i, x)) - T(2) * map.beta * map.share * x[i] * around, how);
  }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct lrn<B> {
  template <Real T>
  static void forward(typename B::context& c, lrn_spec spec, activation<T, B> x, activation<T, B> y) {
    check(spec);
    FRCNN_ASSERT(x.dims == y.dims);
    exec<B>::for_each(c, x.dims.size(), frcnn::detail::lrn_element<T>{{spec, x.dims}, x.data, y.data});
  }
  template <Real T>
  static void backward(typename B::context& c, lrn_spec spec, activation<T, B> x, activation<T, B> dy, activation<T, B> dx, writing how) {
    check(spec);
    FRCNN_ASSERT(x.dims == dy.dims && x.dims == dx.dims);
    typename B::context::frame const scope(c);
    frcnn::detail::lrn_map<T> const map(spec, x.dims);
    auto const through = scratch<T, B>(c, x.dims);
    exec<B>::for_each(c, x.dims.size(), frcnn::detail::lrn_through<T>{map, x.data, dy.data, through.data});
    exec<B>::for_each(c, x.dims.size(), frcnn::detail::lrn_gradient<T>{map, x.data, dy.data, through.data, dx.data, how});
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
