#pragma once
// Which kernel convolves on the engine fast: three ordered lists, of kernels forward, for the gradient by the input and for the gradient by
// the weights. The first kernel that accepts a problem (spec, shape, precision) runs; a new one is a line in a list. What accepts looks at
// is the same in every run, so that runs repeat bit for bit; bench/ holds the order against measurement (op/conv2d_rule, check_rule.py).
//
//   3x3, stride 1, pad 1, whole vectors of channels    our Winograd, by panels or by tiles; in bf16, too: a fourth of the products beats
//                                                      half the price of each
//   anything else forward                              in bf16 oneDNN; our direct kernel, whose kernels have at most 16 rows; portable
//   other gradients                                    oneDNN; portable
// Where the build's vectors are narrower than AVX2's (simd::worthwhile) everything is oneDNN's, or without it the portable engine's. oneDNN
// may have no kernel that may run (onednn/library.hpp): then the next in the list does.
// A scale of the epilogue is multiplied into the weights before they are converted: kernels do not know of it.
#include "frcnn/backend/cpu/kept_weights.hpp"
#include "frcnn/backend/cpu/onednn/conv2d.hpp"
#include "frcnn/backend/cpu/portable/conv2d.hpp"
#include "frcnn/ops/conv2d.hpp"

#if FRCNN_HAS_FAST
#include "frcnn/backend/cpu/kernels/direct.hpp"
#include "frcnn/backend/cpu/kernels/winograd/backward_weight.hpp"
#include "frcnn/backend/cpu/kernels/winograd/convolve.hpp"
#include "frcnn/backend/cpu/kernels/winograd/convolve_by_panels.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::fast {

constexpr bool is_winograd(conv2d_spec const& s) {
  return simd::worthwhile && s.kernel == 3 && s.stride == 1 && s.pad == 1 && winograd::serves(s.in_channels, s.out_channels);
}

// Winograd from weights that are transformed where they are multiplied: there is nothing to convert.
constexpr bool is_by_panels(conv2d_spec const& s) { return is_winograd(s) && winograd::goes_by_panels(s.in_channels, s.out_channels); }

// The weights times their scale, as files have them; in scratch of the caller's frame unless they are kept.
inline float const* scaled(cpu::context& c, conv2d_spec const& s, cpu_weights<float> const& w) {
  std::size_t const outputs = static_cast<std::size_t>(s.out_channels);
  if (!w.scale || !w.keep || !c.options().keep_transforms) return scaled_weights(c, w.data, w.scale, outputs, s.fan_in());
  return w.keep->get(weight_layout::scaled, w.version, s.weights(),
                     [&](float* memory) { scale_weights(c, w.data, w.scale, outputs, s.fan_in(), memory); });
}

// The weights as Winograd by tiles or the direct kernel reads them; in scratch of the caller's frame unless they are kept.
inline float const* converted(cpu::context& c, conv2d_spec const& s, cpu_weights<float> const& w) {
  bool const is_tiled = is_winograd(s);
  std::size_t const size = is_tiled ? winograd::factors(s.in_channels, s.out_channels) : direct::panel_floats(s);
  auto const make = [&](float* memory) {
    cpu::context::frame const scope(c);
    float const* const data = scaled(c, s, {w.data, nullptr, 0, w.scale});
    if (is_tiled) winograd::transform_weights(c, {data, s.in_channels, s.out_channels}, memory);
    else direct::pack_weights(c, s, data, memory);
  };
  if (w.keep && c.options().keep_transforms)
    return w.keep->get(is_tiled ? weight_layout::winograd : weight_layout::panels, w.version, size, make);
  float* const memory = c.scratch_of<float>(size);
  make(memory);
  return memory;
}

// What a kernel is chosen by.
struct problem {
  conv2d_spec spec;
  shape<4> in;
  compute precision = compute::exact;
  bool keeps = false;  // weights stay converted from call to call
};

// One pass forward. add: to what y holds, before the ReLU. pool: 2x2 behind a layer that Winograd computes; y is the pooled map.
struct forward_call {
  conv2d_spec const& spec;
  cpu_activation<float> x;
  cpu_weights<float> weight;
  float const* bias;
  cpu_activation<float> y;
  bool add = false, pool = false;
};
// One gradient: by the input (x is not read, dweight nullptr) or by the weights (dx empty). dy is masked already.
struct gradient_call {
  conv2d_spec const& spec;
  cpu_activation<float> x, dy;
  float const* weight;
  float* dweight;
  cpu_activation<float> dx;
  writing how;
};

// A kernel of a list: the first that accepts the problem runs. run gives false where the library behind it has no kernel after all; then
// nothing was done, and the next one that accepts runs.
template <class Call>
struct kernel {
  char const* name;
  bool (*accepts)(problem const&);
  bool (*run)(cpu::context&, Call const&);
};

namespace detail {

inline bool forward_by_panels(problem const& p) {
  if (!is_winograd(p.spec)) return false;
  int const outputs = p.spec.out_channels;
  return is_by_panels(p.spec) || (p.keeps ? winograd::has_tiles_for_panels(p.in, outputs) : winograd::has_few_tiles(p.in, outputs));
}
inline bool data_by_panels(problem const& p) {
  auto const& s = p.spec;
  return is_winograd(s) &&
         (winograd::goes_by_panels(s.out_channels, s.in_channels) || winograd::has_few_tiles(s.out_shape(p.in), s.in_channels));
}
inline bool by_winograd(problem const& p) { return is_winograd(p.spec); }
inline bool always(problem const&) { return true; }

inline bool winograd_panels(cpu::context& c, forward_call const& f) {
  auto const& s = f.spec;
  cpu::context::frame const scope(c);
  winograd::convolve_by_panels(c, {scaled(c, s, f.weight), s.in_channels, s.out_channels},
                               {.bias = f.bias, .add = f.add, .relu = s.relu, .pool = f.pool}, f.x.data, f.x.dims, f.y.data);
  return true;
}
inline bool winograd_tiles(cpu::context& c, forward_call const& f) {
  auto const& s = f.spec;
  cpu::context::frame const scope(c);
  winograd::convolve(
      c, {s.in_channels, s.out_channels, converted(c, s, f.weight), {.bias = f.bias, .add = f.add, .relu = s.relu, .pool = f.pool}},
      f.x.data, f.x.dims, f.y.data);
  return true;
}
inline bool direct_rows(cpu::context& c, forward_call const& f) {
  cpu::context::frame const scope(c);
  direct::convolve(c, f.spec, f.x.data, f.x.dims, converted(c, f.spec, f.weight), f.bias, f.y.data, f.add);
  return true;
}
inline shape<1> weight_shape(conv2d_spec const& s) { return {{static_cast<std::int32_t>(s.weights())}}; }
inline bool portable_rows(cpu::context& c, forward_call const& f) {
  cpu::context::frame const scope(c);
  portable::conv2d::forward<float>(c, f.spec, f.x, {scaled(c, f.spec, f.weight), weight_shape(f.spec)}, {f.bias, {{f.spec.out_channels}}},
                                   f.y, f.add);
  return true;
}

inline winograd::weights_view turned(gradient_call const& g) { return {g.weight, g.spec.out_channels, g.spec.in_channels, true}; }
inline bool winograd_panels_data(cpu::context& c, gradient_call const& g) {
  winograd::convolve_by_panels(c, turned(g), {.add = g.how == writing::add}, g.dy.data, g.dy.dims, g.dx.data);
  return true;
}
inline bool winograd_tiles_data(cpu::context& c, gradient_call const& g) {
  auto const& s = g.spec;
  cpu::context::frame const scope(c);
  float* const factors = c.scratch_of<float>(winograd::factors(s.out_channels, s.in_channels));
  winograd::transform_weights(c, turned(g), factors);
  winograd::convolve(c, {s.out_channels, s.in_channels, factors, {.add = g.how == writing::add}}, g.dy.data, g.dy.dims, g.dx.data);
  return true;
}
inline bool winograd_weight(cpu::context& c, gradient_call const& g) {
  winograd::backward_weight(c, g.spec.in_channels, g.spec.out_channels, g.x.data, g.dy.data, g.x.dims, g.dweight, g.how == writing::add);
  return true;
}
inline bool portable_gradient(cpu::context& c, gradient_call const& g) {
  auto const n = weight_shape(g.spec);
  portable::conv2d::backward<float>(c, g.spec, g.x, g.dy, {g.weight, n}, {g.dweight, n}, g.how, g.dx, g.how);
  return true;
}

#if FRCNN_HAS_ONEDNN
inline bool onednn_forward(problem const& p) {
  return !simd::worthwhile || (p.precision == compute::bf16 && p.spec.in_channels >= simd::lanes);
}
inline bool onednn_rows(cpu::context& c, forward_call const& f) {
  auto const& w = f.weight;
  bool const bf16 = w.keep && c.options().precision == compute::bf16 && f.spec.in_channels >= simd::lanes;
  cpu::context::frame const scope(c);
  onednn::packed* const place = w.keep && c.options().keep_transforms ? &w.keep->blocked : nullptr;
  onednn::forward_options const o{f.add, bf16 ? compute::bf16 : compute::exact};
  return onednn::forward(c, f.spec, f.x, {scaled(c, f.spec, w), place, w.version}, f.bias, f.y, o);
}
inline bool onednn_data(cpu::context& c, gradient_call const& g) { return onednn::backward_data(c, g.spec, g.dy, g.weight, g.dx, g.how); }
inline bool onednn_weight(cpu::context& c, gradient_call const& g) {
  return onednn::backward_weight(c, g.spec, g.x, g.dy, g.dweight, g.how);
}
#endif
inline bool direct_fits(problem const& p) { return p.spec.kernel <= direct::most_rows && (simd::worthwhile || has_onednn); }

}  // namespace detail

inline constexpr kernel<forward_call> forward_kernels[] = {
    {"winograd_panels", detail::forward_by_panels, detail::winograd_panels},
    {"winograd_tiles", detail::by_winograd, detail::winograd_tiles},
#if FRCNN_HAS_ONEDNN
    {"onednn_direct", detail::onednn_forward, detail::onednn_rows},
#endif
    {"direct", detail::direct_fits, detail::direct_rows},
    {"portable", detail::always, detail::portable_rows},
};
inline constexpr kernel<gradient_call> data_kernels[] = {
    {"winograd_panels", detail::data_by_panels, detail::winograd_panels_data},
    {"winograd_tiles", detail::by_winograd, detail::winograd_tiles_data},
#if FRCNN_HAS_ONEDNN
    {"onednn_direct", detail::always, detail::onednn_data},
#endif
    {"portable", detail::always, detail::portable_gradient},
};
inline constexpr kernel<gradient_call> weight_kernels[] = {
    {"winograd", detail::by_winograd, detail::winograd_weight},
#if FRCNN_HAS_ONEDNN
    {"onednn_direct", detail::always, detail::onednn_weight},
#endif
    {"portable", detail::always, detail::portable_gradient},
};

// The first of a list that accepts the problem.
template <class Call, std::size_t N>
constexpr char const* chosen(kernel<Call> const (&list)[N], problem const& p) {
  for (auto const& k : list)
    if (k.accepts(p)) return k.name;
  return "";
}
template <class Call, std::size_t N>
void run_first(kernel<Call> const (&list)[N], cpu::context& c, problem const& p, Call const& call) {
  for (auto const& k : list)
    if (k.accepts(p) && k.run(c, call)) return;
}

inline problem problem_of(cpu::context const& c, conv2d_spec const& spec, shape<4> in, kept_weights const* keep) {
  return {spec, in, keep ? c.options().precision : compute::exact, keep && c.options().keep_transforms};
}

inline void forward(cpu::context& c, forward_call const& f) {
  run_first(forward_kernels, c, problem_of(c, f.spec, f.x.dims, f.weight.keep), f);
}
// add: what y holds is added before the ReLU.
inline void forward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_weights<float> const& weight, float const* bias,
                    cpu_activation<float> y, bool add = false) {
  forward(c, {spec, x, weight, bias, y, add});
}

// dy is masked already; nullptr is not computed.
inline void backward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_activation<float> dy, float const* weight,
                     float* dweight, writing how, cpu_activation<float> dx, writing dx_how) {
  shape<4> const in = dx ? dx.dims : x.dims;
  if (dweight) run_first(weight_kernels, c, {spec, in}, gradient_call{spec, x, dy, weight, dweight, {}, how});
  if (dx) run_first(data_kernels, c, {spec, in}, gradient_call{spec, x, dy, weight, nullptr, dx, dx_how});
}

}  // namespace frcnn::cpu_backend::fast
FRCNN_HIDDEN_END

#endif
