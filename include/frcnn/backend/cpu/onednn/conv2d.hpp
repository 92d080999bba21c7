#pragma once
// Convolution through oneDNN's direct kernels, for what our own do not do: strides, 1x1 and 5x5 windows, few channels, bf16.
//
//   x, y, dx, dy  activations [N, H, W, C] as every CPU kernel has them   weight, dweight  [O, k, k, C]   bias [O], nullptr: none
//
//   forward(c, spec, x, weight, bias, y, {residual, precision})   y = op(x) + bias (+ residual), then ReLU where spec has it: one pass.
//                                                                 The residual is free where it is y itself, else copied there first
//   backward_data(c, spec, dy, weight, dx, how)                   dx = or += the transpose of op, on dy
//   backward_weight(c, spec, x, dy, dweight, how)                 dweight = or += sums over pixels of dy * x
// Each returns false where oneDNN has no kernel that may run (library.hpp); then nothing was done. Forward computes image by image, so that
// an image has the same bits alone and in a batch. dy is masked by the ReLU already (detail::mask_and_sum). oneDNN only sets dx: adding costs one more pass.
// The kernels want weights in blocks of their own: converted in every call (training: they change in every step), or kept (packed.hpp).
// bf16: x and weight are rounded to 8 bits of mantissa, products summed in float, y is float. Throws frcnn::error where the processor has
// no kernel for it (has_bf16()). Equal runs give equal bits; backward_weight's depend on the number of threads.
//
// Example: onednn::forward(c, {64, 128, 3, 2, 1, true}, x, {weight.data}, bias.data, y);
#include "frcnn/backend/cpu/onednn/layer.hpp"
#include "frcnn/ops/conv2d.hpp"

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

struct forward_options {
  cpu_activation<float> residual{};
  compute precision = compute::exact;
};

namespace detail {

inline dims logical(shape<4> s) { return {s[0], s[1], s[2], s[3]}; }

// The descs of one convolution. "any": the layout is the kernel's choice.
struct convolution_descs {
  desc x, y, bias, weight, weight_any;
  sliding slide;
  convolution_descs(conv2d_spec const& s, shape<4> in, bool with_bias, type of = type::f32)
      : x(logical(in), of, tag::nhwc),
        y(logical(s.out_shape(in)), type::f32, tag::nhwc),
        weight({s.out_channels, s.in_channels, s.kernel, s.kernel}, type::f32, tag::ohwi),
        weight_any({s.out_channels, s.in_channels, s.kernel, s.kernel}, of, tag::any),
        slide(s.stride, s.pad) {
    if (with_bias) bias = desc({s.out_channels}, type::f32, tag::a);
  }
  auto hint() const {
    return convolution_forward(prop_kind::forward_training, algorithm::convolution_direct, x, weight_any, bias, y, slide, attributes());
  }
};

inline state::key key_of(op what, conv2d_spec const& s, shape<4> in, int flags) {
  return {static_cast<std::int32_t>(what), flags, in[0], s.in_channels, in[2], in[3], s.out_channels, s.kernel, s.stride, s.pad};
}

}  // namespace detail

inline bool forward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, weights const& weight, float const* bias,
                    cpu_activation<float> y, forward_options const& options = {}) {
  FRCNN_ASSERT(x.dims[1] == spec.in_channels && y.dims == spec.out_shape(x.dims));
  if (y.dims.size() == 0) return true;
  bool const add = options.residual.data != nullptr, bf16 = options.precision == compute::bf16;
  shape<4> one = x.dims;
  one[0] = 1;
  state& own = c.state<state>();
  team const threads(c);
  plan& p = own.find(detail::key_of(op::forward, spec, one, spec.relu | add << 1 | bf16 << 2 | (bias != nullptr) << 3), [&] {
    detail::convolution_descs const d(spec, one, bias != nullptr, bf16 ? type::bf16 : type::f32);
    auto made = convolution_forward(prop_kind::forward_inference, algorithm::convolution_direct, d.x, d.weight_any, d.bias, d.y, d.slide,
                                    attributes(add, spec.relu));
    plan q;
    if (!first_usable(made)) return q;
    q.compute = job(dnnl::convolution_forward(made), made,
                    {{DNNL_ARG_SRC, d.x}, {DNNL_ARG_WEIGHTS, made.weights_desc()}, {DNNL_ARG_BIAS, d.bias}, {DNNL_ARG_DST, d.y}});
    q.packed = made.weights_desc();
    if (q.packed != d.weight) q.weight = converter(d.weight, q.packed);
    q.converted = d.x;
    if (bf16) q.source = converter(detail::convolution_descs(spec, one, false).x, d.x);
    return q;
  });
  if (!p.compute) return false;

  if (add && options.residual.data != y.data)
    parallel_for(c, y.dims.size(), 32768, [=, from = options.residual.data](std::size_t begin, std::size_t end) {
      std::copy(from + begin, from + end, y.data + begin);
    });
  cpu::context::frame const scope(c);
  std::shared_ptr<void> held;
  void const* const w = weights_for(c, own, p, weight, held);
  std::size_t const in = x.dims.size() / x.dims[0], out = y.dims.size() / x.dims[0];
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.dims[0]); ++i) {
    cpu::context::frame const image(c);
    p.compute.run(c, own.stream, {source_for(c, own, p, x.data + i * in), w, bias, y.data + i * out});
  }
  return true;
}

inline bool backward_data(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> dy, float const* weight, cpu_activation<float> dx,
                          writing how) {
  FRCNN_ASSERT(dx.dims[1] == spec.in_channels && dy.dims == spec.out_shape(dx.dims));
  std::size_t const size = dx.dims.size();
  if (dy.dims.size() == 0) {
    if (how == writing::set) std::fill_n(dx.data, size, 0.f);
    return true;
  }
  state& own = c.state<state>();
  team const threads(c);
  plan& p = own.find(detail::key_of(op::backward_data, spec, dx.dims, 0), [&] {
    detail::convolution_descs const d(spec, dx.dims, false);
    auto const hint = d.hint();  // outlives the search: next_impl() of 2.x reads it through a pointer
    auto made = convolution_backward_data(algorithm::convolution_direct, d.x, d.weight_any, d.y, d.slide, hint, attributes());
    plan q;
    if (!first_usable(made)) return q;
    q.compute = job(dnnl::convolution_backward_data(made), made,
                    {{DNNL_ARG_DIFF_DST, d.y}, {DNNL_ARG_WEIGHTS, made.weights_desc()}, {DNNL_ARG_DIFF_SRC, d.x}});
    q.packed = made.weights_desc();
    if (q.packed != d.weight) q.weight = converter(d.weight, q.packed);
    return q;
  });
  if (!p.compute) return false;

  cpu::context::frame const scope(c);
  std::shared_ptr<void> held;
  void const* const w = weights_for(c, own, p, {weight}, held);
  float* const out = how == writing::set ? dx.data : c.scratch_of<float>(size);
  p.compute.run(c, own.stream, {dy.data, w, out});
  if (how == writing::set) return true;
  parallel_for(c, size, 32768, [=](std::size_t begin, std::size_t end) {
    FRCNN_INDEPENDENT
    for (std::size_t i = begin; i < end; ++i) dx.data[i] += out[i];
  });
  return true;
}

inline bool backward_weight(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_activation<float> dy, float* dweight,
                            writing how) {
  FRCNN_ASSERT(x.dims[1] == spec.in_channels && dy.dims == spec.out_shape(x.dims));
  if (dy.dims.size() == 0) {
    std::size_t const size = static_cast<std::size_t>(spec.out_channels) * spec.kernel * spec.kernel * spec.in_channels;
    if (how == writing::set) std::fill_n(dweight, size, 0.f);
    return true;
  }
  bool const add = how == writing::add;
  state& own = c.state<state>();
  team const threads(c);
  plan& p = own.find(detail::key_of(op::backward_weight, spec, x.dims, add), [&] {
    detail::convolution_descs const d(spec, x.dims, false);
    auto const hint = d.hint();  // outlives the search: next_impl() of 2.x reads it through a pointer
    auto made = convolution_backward_weights(algorithm::convolution_direct, d.x, d.weight_any, d.y, d.slide, hint, attributes());
    plan q;
    if (!first_usable(made)) return q;
    q.packed = made.diff_weights_desc();
    q.compute = job(dnnl::convolution_backward_weights(made), made,
                    {{DNNL_ARG_SRC, d.x}, {DNNL_ARG_DIFF_DST, d.y}, {DNNL_ARG_DIFF_WEIGHTS, q.packed}});
    if (add || q.packed != d.weight) q.weight = converter(q.packed, d.weight, add);
    return q;
  });
  if (!p.compute) return false;

  cpu::context::frame const scope(c);
  void* const out = p.weight ? c.scratch(p.packed.get_size()) : dweight;
  p.compute.run(c, own.stream, {x.data, dy.data, out});
  if (p.weight) p.weight.run(c, own.stream, {out, dweight});
  return true;
}

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
