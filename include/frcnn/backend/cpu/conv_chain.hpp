#pragma once
// ops::conv_chain on the CPU: layers that the engine can fuse become one step; maps between steps alternate between two buffers.
#include "frcnn/backend/cpu/add_maps.hpp"
#include "frcnn/backend/cpu/conv2d.hpp"
#include "frcnn/backend/cpu/fast/conv_chain.hpp"
#include "frcnn/backend/cpu/lrn.hpp"
#include "frcnn/backend/cpu/max_pool.hpp"
#include "frcnn/ops/conv_chain.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::ops {

template <>
struct conv_chain<cpu> {
  template <Real T>
  using layers_type = std::span<chain_layer<T, cpu> const>;

  template <Real T>
  static void forward(cpu::context& c, layers_type<T> layers, cpu_activation<T> x, cpu_activation<T> y) {
    cpu::context::frame const scope(c);
    frcnn::detail::added_maps<T, cpu> added(layers, x);
    std::size_t room[2] = {0, 0};
    int steps = 0;
    for_each_step<T>(c, layers, x.dims, added, [&](layers_type<T>, std::size_t last, shape<4> out) {
      if (last + 1 < layers.size() && !added.adds_later(last)) room[steps % 2] = std::max(room[steps % 2], out.size());
      ++steps;
    });
    T* const memory[2] = {c.scratch_of<T>(room[0]), c.scratch_of<T>(room[1])};
    int at = 0;
    for_each_step<T>(c, layers, x.dims, added, [&](layers_type<T> step, std::size_t last, shape<4> out) {
      bool const is_end = last + 1 == layers.size(), is_added = !is_end && added.adds_later(last);
      cpu_activation<T> const to = is_end ? y : is_added ? c.make<T>(out) : cpu_activation<T>{memory[at % 2], out};
      ++at;
      run<T>(c, step, x, added.of(step[0]), to);
      if (is_added) added.put(last, to);
      x = to;
    });
  }

 private:
  // f(step, its last layer's place in the chain, its output). A map that is added later ends a step.
  template <Real T, class F>
  static void for_each_step([[maybe_unused]] cpu::context& c, layers_type<T> layers, shape<4> s,
                            frcnn::detail::added_maps<T, cpu> const& added, F f) {
    for (std::size_t first = 0; first < layers.size();) {
      std::size_t together = 1;
      [[maybe_unused]] std::size_t most = 1;
      while (first + most < layers.size() && !added.adds_later(first + most - 1)) ++most;
#if FRCNN_HAS_FAST
      if constexpr (std::is_same_v<T, float>)
        if (c.is_fast<T>())
          together = static_cast<std::size_t>(
              cpu_backend::fast::layers_together(layers.subspan(first, most), s, c.threads(), c.options().precision));
#endif
      auto const step = layers.subspan(first, together);
      first += together;
      for (auto const& layer : step) s = layer.out_shape(s);
      f(step, first - 1, s);
    }
  }

  template <Real T>
  static double operations_of(layers_type<T> step, shape<4> s) {
    double sum = 0;
    for (auto const& layer : step) {
      sum += layer.operations(s);
      s = layer.out_shape(s);
    }
    return sum;
  }

  template <Real T>
  static void run(cpu::context& c, layers_type<T> step, cpu_activation<T> x, cpu_activation<T> other, cpu_activation<T> y) {
    if (step.size() == 1) return layer_by_layer<cpu>::run<T>(c, step[0], x, other, y);
    // Layers that run together are one line of a profile: "backbone.0 ... pool".
    profiled const scope(c, c.profile() ? std::string(step[0].label()).append(" ... ").append(step.back().label()) : std::string(),
                         operations_of<T>(step, x.dims));
#if FRCNN_HAS_FAST
    if constexpr (std::is_same_v<T, float>) cpu_backend::fast::forward(c, step, x, y);
#endif
  }
};

}  // namespace frcnn::ops
FRCNN_HIDDEN_END
