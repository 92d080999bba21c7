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
// an image has the same bits alone and in a batch. dy is masked by the ReLU already (detail::mask_and_sum). oneDNN only sets dx: adding
// costs one more pass.
// The kernels want weights in blocks of their own: converted in every call (training: they change in every step), or kept (packed.hpp).
// bf16: x and weight are rounded to 8 bits of mantissa, products summed in float, y is float. Throws frcnn::error where
// the processor has no kernel for it (has_bf16()). Equal runs give equal bits; backward_weight's depend on the number of threads.
// Gradients are computed in parts, an image's rows from one to another: a part is a convolution with other padding above and below, and
// runs on one thread of the context.
//
// Example: onednn::forward(c, {64, 128, 3, 2, 1, true}, x, {weight.data}, bias.data, y);
#include "frcnn/backend/cpu/onednn/layer.hpp"
#include "frcnn/ops/conv2d.hpp"

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

struct forward_options {
  bool add = false;  // to what y holds, before the ReLU
  compute precision = compute::exact;
};

namespace detail {

inline dims logical(shape<4> s) { return {s[0], s[1], s[2], s[3]}; }

// The descs of one convolution. "any": the layout is the kernel's choice.
struct convolution_descs {
  desc x, y, bias, weight, weight_any;
  sliding slide;
  convolution_descs(conv2d_spec const& s, shape<4> in, bool with_bias, type of = type::f32)
      : convolution_descs(s, in, s.out_shape(in), s.pad, s.pad, with_bias, of) {}
  convolution_descs(conv2d_spec const& s, shape<4> in, shape<4> out, int above, int below, bool with_bias, type of = type::f32)
      : x(logical(in), of, tag::nhwc),
        y(logical(out), type::f32, tag::nhwc),
        weight({s.out_channels, s.in_channels, s.kernel, s.kernel}, type::f32, tag::ohwi),
        weight_any({s.out_channels, s.in_channels, s.kernel, s.kernel}, of, tag::any),
        slide(s.stride, s.pad, above, below) {
    if (with_bias) bias = desc({s.out_channels}, type::f32, tag::a);
  }
  auto hint() const {
    return convolution_forward(prop_kind::forward_training, algorithm::convolution_direct, x, weight_any, bias, y, slide, attributes());
  }
};

inline state::key key_of(op what, conv2d_spec const& s, shape<4> in, int flags, int above, int out_rows_or_threads) {
  return {static_cast<std::int32_t>(what),
          flags,
          in[0],
          s.in_channels,
          in[2],
          in[3],
          s.out_channels,
          s.kernel,
          s.stride,
          s.pad,
          above,
          out_rows_or_threads};
}

// Rows of one image that are a convolution of their own: input rows [in, in + in_rows), padded above and below, give output rows
// [out, out + out_rows).
struct rows_part {
  int in, in_rows, out, out_rows, above, below;

  shape<4> in_shape(shape<4> map) const { return {{1, map[1], in_rows, map[3]}}; }
  shape<4> out_shape(shape<4> map) const { return {{1, map[1], out_rows, map[3]}}; }
  template <class T>
  static T* rows(cpu_activation<T> a, int image, int row) {
    return a.data + (static_cast<std::ptrdiff_t>(image) * a.dims[2] + row) * a.dims[3] * a.dims[1];
  }
};

// Into how many parts an image is cut: two for each thread, of all images together.
inline int parts_of_image(cpu::context const& c, int images, int rows) {
  return std::clamp(c.threads() > 1 ? (2 * c.threads() + images - 1) / images : 1, 1, std::max(rows, 1));
}

// Part i of n of an image's output rows, and all input rows that they read.
inline rows_part part_of_output(conv2d_spec const& s, shape<4> in, shape<4> out, int i, int n) {
  int const first = static_cast<int>(std::int64_t{out[2]} * i / n), last = static_cast<int>(std::int64_t{out[2]} * (i + 1) / n);
  int const top = first * s.stride - s.pad, bottom = (last - 1) * s.stride - s.pad + s.kernel;
  int const begin = std::clamp(top, 0, in[2]), end = std::clamp(bottom, begin, in[2]);
  return {begin, end - begin, first, last - first, begin - top, bottom - end};
}

// Part i of n of an image's input rows, cut at multiples of the stride, and all output rows that read them. out_rows 0: none does.
inline rows_part part_of_input(conv2d_spec const& s, shape<4> in, shape<4> out, int i, int n) {
  auto const cut = [&](int at) { return at == n ? in[2] : static_cast<int>(std::int64_t{in[2]} * at / n) / s.stride * s.stride; };
  int const begin = cut(i), end = cut(i + 1);
  int const lowest = begin + s.pad - s.kernel + 1;  // above it a window ends before the first row
  int const first = lowest <= 0 ? 0 : (lowest + s.stride - 1) / s.stride, last = std::min(out[2], (end - 1 + s.pad) / s.stride + 1);
  if (first >= last) return {begin, end - begin, first, 0, 0, 0};
  int const above = begin + s.pad - first * s.stride;
  return {begin, end - begin, first, last - first, above, (last - first - 1) * s.stride + s.kernel - above - (end - begin)};
}

// Scratch for each thread of the context, of a job that any of them may run.
struct part_scratch {
  static constexpr std::size_t line = 64;
  std::byte* memory;
  std::size_t of_member;

  part_scratch(cpu::context& c, std::size_t bytes) : of_member((bytes + line - 1) / line * line) {
    memory = static_cast<std::byte*>(c.scratch(std::max<std::size_t>(1, of_member * static_cast<std::size_t>(c.threads()))));
  }
  void* of(int member) const { return memory + of_member * static_cast<std::size_t>(member); }
};

// f(member, image, part) for each of so many parts of every image, on the context's threads, oneDNN on one of them each.
template <class F>
void for_each_part(cpu::context& c, int images, int parts, F f) {
  parallel_for(c, static_cast<std::size_t>(images) * static_cast<std::size_t>(parts), 1,
               [=](int member, std::size_t first, std::size_t last) {
                 alone const one_thread;
                 for (int at = static_cast<int>(first); at < static_cast<int>(last); ++at) f(member, at / parts, at % parts);
               });
}

}  // namespace detail

inline bool forward(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, weights const& weight, float const* bias,
                    cpu_activation<float> y, forward_options const& options = {}) {
  FRCNN_ASSERT(x.dims[1] == spec.in_channels && y.dims == spec.out_shape(x.dims));
  if (y.dims.size() == 0) return true;
  bool const add = options.add, bf16 = options.precision == compute::bf16;
  shape<4> one = x.dims;
  one[0] = 1;
  state& own = c.state<state>();
  team const threads(c);
  plan& p =
      own.find(detail::key_of(op::forward, spec, one, spec.relu | add << 1 | bf16 << 2 | (bias != nullptr) << 3, 0, threads.size()), [&] {
        detail::convolution_descs const d(spec, one, bias != nullptr, bf16 ? type::bf16 : type::f32);
        auto made = convolution_forward(prop_kind::forward_inference, algorithm::convolution_direct, d.x, d.weight_any, d.bias, d.y,
                                        d.slide, attributes(add, spec.relu));
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

  cpu::context::frame const scope(c);
  std::shared_ptr<void> owner;
  void const* const w = weights_for(c, own, p, weight, owner);
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
  alone const serial;
  auto const plan_of = [&](detail::rows_part const& part) -> plan& {
    return own.find(detail::key_of(op::backward_data, spec, part.in_shape(dx.dims), 0, part.above, part.out_rows), [&] {
      detail::convolution_descs const d(spec, part.in_shape(dx.dims), part.out_shape(dy.dims), part.above, part.below, false);
      auto const hint = d.hint();  // outlives the search: next_impl() of 2.x reads it through a pointer
      auto made = convolution_backward_data(algorithm::convolution_direct, d.x, d.weight_any, d.y, d.slide, hint, attributes());
      plan q;
      if (!first_usable(made)) return q;
      q.compute = job(dnnl::convolution_backward_data(made), made,
                      {{DNNL_ARG_DIFF_DST, d.y}, {DNNL_ARG_WEIGHTS, made.weights_desc()}, {DNNL_ARG_DIFF_SRC, d.x}}, c.threads());
      q.packed = made.weights_desc();
      if (q.packed != d.weight) q.weight = converter(d.weight, q.packed);
      return q;
    });
  };

  cpu::context::frame const scope(c);
  int const images = dx.dims[0], parts = detail::parts_of_image(c, images, dx.dims[2] / spec.stride);
  // An image's parts; those of the others are the same.
  struct task {
    detail::rows_part rows;
    plan* how;
    void const* weight;
  };
  task* const tasks = c.scratch_of<task>(static_cast<std::size_t>(parts));
  std::size_t bytes = 0;
  std::shared_ptr<void> owner;
  for (int i = 0; i < parts; ++i) {
    task& t = tasks[i] = {detail::part_of_input(spec, dx.dims, dy.dims, i, parts), nullptr, nullptr};
    if (t.rows.out_rows == 0) continue;
    if (t.rows.above < 0) return false;  // rows that no output reads, which oneDNN has no pad for
    t.how = &plan_of(t.rows);
    if (!t.how->compute) return false;
    for (int j = 0; j < i && !t.weight; ++j)  // one copy of the weights in each layout
      if (tasks[j].how && tasks[j].how->packed == t.how->packed) t.weight = tasks[j].weight;
    if (!t.weight) t.weight = weights_for(c, own, *t.how, {weight}, owner);
    bytes = std::max(bytes, t.how->compute.scratch_size());
  }
  detail::part_scratch const scratch(c, bytes);
  cpu_activation<float> const out{how == writing::set ? dx.data : c.scratch_of<float>(size), dx.dims};
  detail::for_each_part(c, images, parts, [=, &own](int member, int image, int part) {
    task const& t = tasks[part];
    float* const to = detail::rows_part::rows(out, image, t.rows.in);
    std::size_t const count = static_cast<std::size_t>(t.rows.in_rows) * dx.dims[3] * dx.dims[1];
    if (t.how)
      t.how->compute.run_as(member, own.stream, {detail::rows_part::rows(dy, image, t.rows.out), t.weight, to}, scratch.of(member));
    else std::fill_n(to, count, 0.f);
    if (out.data == dx.data) return;
    float* const sum = detail::rows_part::rows(dx, image, t.rows.in);
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) sum[i] += to[i];
  });
  return true;
}

inline bool backward_weight(cpu::context& c, conv2d_spec const& spec, cpu_activation<float> x, cpu_activation<float> dy, float* dweight,
                            writing how) {
  FRCNN_ASSERT(x.dims[1] == spec.in_channels && dy.dims == spec.out_shape(x.dims));
  if (dy.dims.size() == 0) {
    if (how == writing::set) std::fill_n(dweight, spec.weights(), 0.f);
    return true;
  }
  bool const add = how == writing::add;
  state& own = c.state<state>();
  alone const serial;
  auto const plan_of = [&](detail::rows_part const& part) -> plan& {
    return own.find(detail::key_of(op::backward_weight, spec, part.in_shape(x.dims), add, part.above, part.out_rows), [&] {
      detail::convolution_descs const d(spec, part.in_shape(x.dims), part.out_shape(dy.dims), part.above, part.below, false);
      auto const hint = d.hint();  // outlives the search: next_impl() of 2.x reads it through a pointer
      auto made = convolution_backward_weights(algorithm::convolution_direct, d.x, d.weight_any, d.y, d.slide, hint, attributes());
      plan q;
      if (!first_usable(made)) return q;
      q.packed = made.diff_weights_desc();
      q.compute = job(dnnl::convolution_backward_weights(made), made,
                      {{DNNL_ARG_SRC, d.x}, {DNNL_ARG_DIFF_DST, d.y}, {DNNL_ARG_DIFF_WEIGHTS, q.packed}}, c.threads());
      q.weight = converter(q.packed, d.weight, add);
      return q;
    });
  };

  cpu::context::frame const scope(c);
  int const images = x.dims[0], parts = detail::parts_of_image(c, images, dy.dims[2]), all = images * parts;
  struct task {
    detail::rows_part rows;
    plan* how;
  };
  task* const tasks = c.scratch_of<task>(static_cast<std::size_t>(parts));
  std::size_t bytes = 0;
  for (int i = 0; i < parts; ++i) {
    auto const rows = detail::part_of_output(spec, x.dims, dy.dims, i, parts);
    tasks[i] = {rows, &plan_of(rows)};
    if (!tasks[i].how->compute || tasks[i].how->packed != tasks[0].how->packed) return false;
    bytes = std::max(bytes, tasks[i].how->compute.scratch_size());
  }
  detail::part_scratch const scratch(c, bytes);
  // Every part's own sums, in the kernel's layout; added in their order, and then brought to the parameter's.
  std::size_t const size = tasks[0].how->packed.get_size() / sizeof(float);
  float* const sums = c.scratch_of<float>(size * static_cast<std::size_t>(all));
  detail::for_each_part(c, images, parts, [=, &own](int member, int image, int part) {
    task const& t = tasks[part];
    t.how->compute.run_as(member, own.stream,
                          {detail::rows_part::rows(x, image, t.rows.in), detail::rows_part::rows(dy, image, t.rows.out),
                           sums + size * static_cast<std::size_t>(image * parts + part)},
                          scratch.of(member));
  });
  parallel_for(c, size, 16384, [=](std::size_t begin, std::size_t end) {
    for (int part = 1; part < all; ++part) {
      float const* const from = sums + static_cast<std::size_t>(part) * size;
      FRCNN_INDEPENDENT
      for (std::size_t i = begin; i < end; ++i) sums[i] += from[i];
    }
  });
  tasks[0].how->weight.run(c, own.stream, {sums, dweight});
  return true;
}

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
