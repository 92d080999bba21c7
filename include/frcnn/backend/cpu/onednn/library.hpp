#pragma once
// oneDNN, 2.x and 3.x, as one library: what the two spell differently is a function here, and nothing else includes its header.
//
//   descriptors    2.x makes a desc and then a primitive_desc, 3.x the second at once
//   eltwise        2.x's post-op has a scale, 3.x's has none
//   Winograd       x64 kernels up to 3.1; later ones refuse
//
// Which of its kernels run: before 3.11 oneDNN's products (dnnl_sgemm, and every implementation "gemm") use the stack register for
// addresses in a heap buffer. The frame of a signal that arrives then overwrites what lies there (uxlfoundation/oneDNN issue 4845; seen in
// 2.6.3, f32, with AVX2 and AVX-512). They are passed over, and so are its reference loops: `first_usable`.
// A build without oneDNN (FRCNN_HAS_ONEDNN 0) has nothing here. What oneDNN refuses is a frcnn::error with the name of the operation.
//
// Example: desc const x = plain({1, 64, 300, 400}, f32, tag::nhwc);   x.get_size() == 1 * 64 * 300 * 400 * 4
#include "frcnn/backend/cpu/context.hpp"

#if FRCNN_HAS_ONEDNN

#include <oneapi/dnnl/dnnl.hpp>

#include <limits>
#include <memory>
#include <string_view>

#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP
#error "frcnn: this oneDNN does not use OpenMP, so that its number of threads would not be the context's; configure with FRCNN_ONEDNN=OFF"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

using dnnl::algorithm;
using dnnl::prop_kind;
using desc = dnnl::memory::desc;
using dims = dnnl::memory::dims;
using tag = dnnl::memory::format_tag;
using type = dnnl::memory::data_type;

// Of the library that is loaded, which need not be the headers'.
inline bool has_winograd() {
  dnnl_version_t const* const v = dnnl_version();
  return v->major < 3 || (v->major == 3 && v->minor < 2);
}
// Whether bf16 has kernels here at all: below AVX-512 there are none that are worth a name.
inline bool has_bf16() {
  using isa = dnnl::cpu_isa;
  isa const here = dnnl::get_effective_cpu_isa();
  return here != isa::sse41 && here != isa::avx && here != isa::avx2 && here != isa::avx2_vnni;
}

// Whether a kernel keeps the stack register on the thread's stack, and is no plain loop.
inline bool is_usable(std::string_view implementation) {
  dnnl_version_t const* const v = dnnl_version();
  bool const mended = v->major > 3 || (v->major == 3 && v->minor >= 11);
  bool const product = implementation.starts_with("gemm") || implementation.find(":gemm") != std::string_view::npos;
  return implementation.find("ref") == std::string_view::npos && (mended || !product);
}

// Goes to the first implementation that may run; false: there is none.
template <class PrimitiveDesc>
bool first_usable(PrimitiveDesc& made) {
  while (!is_usable(made.impl_info_str()))
    if (!made.next_impl()) return false;
  return true;
}

// One for the process: an engine of the CPU has no state, and memory objects of several contexts may meet in one call.
inline dnnl::engine const& engine() {
  static dnnl::engine const e(dnnl::engine::kind::cpu, 0);
  return e;
}

// y = max(0, (y if add) + op(x)), with scratch from the caller. oneDNN's ReLU turns NaN into 0, and the loss must see it; its leaky one
// does not. The slope is the smallest that there is: where denormals are zero (`team`, in state.hpp) negative sums become -0, elsewhere
// they come out above -1e-37.
inline constexpr float keeps_nan = std::numeric_limits<float>::denorm_min();
inline dnnl::primitive_attr attributes(bool add = false, bool relu = false, float slope = keeps_nan) {
  dnnl::post_ops after;
  if (add) after.append_sum(1.f);
#if DNNL_VERSION_MAJOR >= 3
  if (relu) after.append_eltwise(algorithm::eltwise_relu, slope, 0.f);
#else
  if (relu) after.append_eltwise(1.f, algorithm::eltwise_relu, slope, 0.f);
#endif
  dnnl::primitive_attr a;
  a.set_post_ops(after);
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return a;
}

struct sliding {  // how a kernel slides: the same on both axes, but that a part of a map's rows is padded as it lies in the map
  dims stride, pad, pad_end;
  sliding(int stride, int pad) : sliding(stride, pad, pad, pad) {}
  sliding(int stride, int pad, int above, int below) : stride{stride, stride}, pad{above, pad}, pad_end{below, pad} {}
};

#if DNNL_VERSION_MAJOR < 3
// A primitive_desc with the desc that it was made from, which next_impl() of 2.x reads through a pointer.
template <class Op>
struct searchable : Op::primitive_desc {
  std::shared_ptr<typename Op::desc> made_from;

  template <class... Forward>
  searchable(std::shared_ptr<typename Op::desc> d, dnnl::primitive_attr const& a, Forward const&... forward)
      : Op::primitive_desc(*d, a, engine(), forward...), made_from(std::move(d)) {}
};
#endif

// b: an empty desc is no bias.
inline auto convolution_forward(prop_kind kind, algorithm how, desc const& x, desc const& w, desc const& b, desc const& y, sliding const& s,
                                dnnl::primitive_attr const& a) {
  using op = dnnl::convolution_forward;
#if DNNL_VERSION_MAJOR >= 3
  return op::primitive_desc(engine(), kind, how, x, w, b, y, s.stride, s.pad, s.pad_end, a);
#else
  return searchable<op>(std::make_shared<op::desc>(kind, how, x, w, b, y, s.stride, s.pad, s.pad_end), a);
#endif
}

// The backward ones ask for the forward one that belongs to them.
inline auto convolution_backward_data(algorithm how, desc const& dx, desc const& w, desc const& dy, sliding const& s,
                                      dnnl::convolution_forward::primitive_desc const& forward, dnnl::primitive_attr const& a) {
  using op = dnnl::convolution_backward_data;
#if DNNL_VERSION_MAJOR >= 3
  return op::primitive_desc(engine(), how, dx, w, dy, s.stride, s.pad, s.pad_end, forward, a);
#else
  return searchable<op>(std::make_shared<op::desc>(how, dx, w, dy, s.stride, s.pad, s.pad_end), a, forward);
#endif
}

inline auto convolution_backward_weights(algorithm how, desc const& x, desc const& dw, desc const& dy, sliding const& s,
                                         dnnl::convolution_forward::primitive_desc const& forward, dnnl::primitive_attr const& a) {
  using op = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
  return op::primitive_desc(engine(), how, x, dw, dy, s.stride, s.pad, s.pad_end, forward, a);
#else
  return searchable<op>(std::make_shared<op::desc>(how, x, dw, dy, s.stride, s.pad, s.pad_end), a, forward);
#endif
}

inline auto inner_product_forward(prop_kind kind, desc const& x, desc const& w, desc const& b, desc const& y,
                                  dnnl::primitive_attr const& a) {
  using op = dnnl::inner_product_forward;
#if DNNL_VERSION_MAJOR >= 3
  return op::primitive_desc(engine(), kind, x, w, b, y, a);
#else
  return searchable<op>(std::make_shared<op::desc>(kind, x, w, b, y), a);
#endif
}

// Whether fully connected layers can be computed in bf16; without a kernel that may run they are in float.
inline bool has_bf16_products() {
  desc const x({1, 64}, type::bf16, tag::ab), w({64, 64}, type::bf16, tag::any), y({1, 64}, type::f32, tag::ab);
  try {
    auto made = inner_product_forward(prop_kind::forward_inference, x, w, {}, y, attributes());
    return first_usable(made);
  } catch (dnnl::error const&) {
    return false;
  }
}

inline auto reorder(desc const& from, desc const& to, dnnl::primitive_attr const& a) {
  return dnnl::reorder::primitive_desc(engine(), from, engine(), to, a);
}

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
