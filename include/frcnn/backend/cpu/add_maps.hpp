#pragma once
// ops::add_maps on the CPU: element by element.
#include "frcnn/backend/cpu/bias_relu.hpp"
#include "frcnn/ops/add_maps.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

inline constexpr std::size_t elements_worth_a_thread = 32768;

// to = from, or to += from. Nothing where `to` is not wanted or is `from` itself.
template <Real T>
void pass_on(cpu::context& c, cpu_activation<T> from, cpu_activation<T> to, writing how) {
  if (!to || to.data == from.data) return;
  FRCNN_ASSERT(to.dims == from.dims);
  parallel_for(c, from.dims.size(), elements_worth_a_thread, [=](std::size_t begin, std::size_t end) {
    if (how == writing::set) {
      std::copy(from.data + begin, from.data + end, to.data + begin);
      return;
    }
    FRCNN_INDEPENDENT
    for (std::size_t i = begin; i < end; ++i) to.data[i] += from.data[i];
  });
}

}  // namespace detail

namespace ops {

template <>
struct add_maps<cpu> {
  template <Real T>
  static void forward(cpu::context& c, bool relu, cpu_activation<T> a, cpu_activation<T> b, cpu_activation<T> y) {
    check_sum_of_maps(a.dims, b.dims, y.dims);
    parallel_for(c, y.dims.size(), frcnn::detail::elements_worth_a_thread, [=](std::size_t begin, std::size_t end) {
      T const floor = relu ? T(0) : -std::numeric_limits<T>::infinity();
      FRCNN_INDEPENDENT
      for (std::size_t i = begin; i < end; ++i) {
        T const v = a.data[i] + b.data[i];
        y.data[i] = v < floor ? floor : v;  // NaN stays NaN: the loss must see it
      }
    });
  }

  template <Real T>
  static void backward(cpu::context& c, bool relu, cpu_activation<T> y, cpu_activation<T> dy, cpu_activation<T> da, writing da_how,
                       cpu_activation<T> db, writing db_how) {
    std::size_t const pixels = shape<3>{{dy.dims[0], dy.dims[2], dy.dims[3]}}.size();
    frcnn::detail::mask_and_sum<T>(c, relu, y.data, dy.data, pixels, static_cast<std::size_t>(dy.dims[1]), nullptr, writing::set);
    frcnn::detail::pass_on<T>(c, dy, da, da_how);
    frcnn::detail::pass_on<T>(c, dy, db, db_how);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
