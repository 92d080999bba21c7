#pragma once
// The products of ops::conv2d<cuda_on_host>: the CPU's portable engine in place of cuDNN, on one thread.
#include "frcnn/backend/cpu/portable/conv2d.hpp"
#include "frcnn/backend/cuda/conv2d.hpp"
#include "frcnn/backend/cuda/host/context.hpp"

#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Not that of a device, and made anew for each product: what it computes depends on nothing that came before.
inline cpu_options portable_on_one_thread() { return {.threads = 1, .engine = cpu_engine::portable}; }

template <>
struct conv_products<cuda_on_host> {
  using context = cuda_on_host::context;
  using engine = cpu_backend::portable::conv2d;

  template <Real T>
  static int channel_multiple(context&, bool) {
    return 4;
  }
  template <Real T>
  static void forward(context& c, conv2d_spec spec, bool, cuda_activation<T> x, T const* weight, cuda_activation<T> y, writing how) {
    spec.relu = false;
    c.queue([=] {
      cpu::context host(portable_on_one_thread());
      std::vector<T> const zeros(static_cast<std::size_t>(spec.out_channels));
      engine::forward<T>(host, spec, on_cpu(x), weights(spec, weight), {zeros.data(), {{spec.out_channels}}}, on_cpu(y),
                         how == writing::add);
    });
    c.count_launch();
  }
  template <Real T>
  static void backward_weight(context& c, conv2d_spec const& spec, cuda_activation<T> x, cuda_activation<T> dy, T* dweight, writing how) {
    c.queue([=] {
      cpu::context host(portable_on_one_thread());
      engine::backward<T>(host, spec, on_cpu(x), on_cpu(dy), {}, weights(spec, dweight), how, {}, writing::set);
    });
    c.count_launch();
  }
  template <Real T>
  static void backward_data(context& c, conv2d_spec const& spec, cuda_activation<T> dy, T const* weight, cuda_activation<T> dx,
                            writing how) {
    c.queue([=] {
      cpu::context host(portable_on_one_thread());
      engine::backward<T>(host, spec, {}, on_cpu(dy), weights(spec, weight), {}, writing::set, on_cpu(dx), how);
    });
    c.count_launch();
  }

 private:
  template <class T>
  static cpu_activation<T> on_cpu(cuda_activation<T> a) {
    return {a.data, a.dims};
  }
  template <class T>
  static view<T, 1, cpu> weights(conv2d_spec const& spec, T* w) {
    return {w, {{checked::extent(spec.weights())}}};
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
