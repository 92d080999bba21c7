#pragma once
// Sums of loss terms on the device, in a fixed order and in double: loss[i] += sum over row i of term [L, M].
#include "frcnn/core/executor.hpp"
#include "frcnn/core/scratch.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <class T, Backend B>
struct read_term {
  view<T const, 2, B> term;
  FRCNN_HD double operator()(int s, int i) const { return static_cast<double>(term(s, i)); }
};
template <class T, Backend B>
struct add_sums {
  view<double const, 1, B> sum;
  view<T, 1, B> loss;
  FRCNN_HD void operator()(std::size_t i) const { loss.data[i] += static_cast<T>(sum.data[i]); }
};
}  // namespace detail

namespace ops {

template <class T>
struct plus {
  FRCNN_HD T operator()(T a, T b) const { return a + b; }
};

template <class T, Backend B>
void sum_terms(typename B::context& c, view<T, 2, B> term, view<T, 1, B> loss) {
  typename B::context::frame scope(c);
  auto sum = scratch<double, B>(c, shape<1>{{term.dims[0]}});
  exec<B>::segmented_reduce(c, term.dims[0], term.dims[1], 0.0, detail::read_term<T, B>{term}, plus<double>{}, sum);
  exec<B>::for_each(c, sum.size(), detail::add_sums<T, B>{sum, loss});
}

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
