#pragma once
// A fully connected layer through oneDNN, forward only: bf16 for inference, f32 to compare with.
//
//   x [M, K]   weight [N, K] (a parameter in float, packed.hpp)   bias [N], nullptr: none   y [M, N]
//   inner_product(c, relu, x, weight, bias, y, precision)   y = x * weight^T + bias, then ReLU where asked for
// bf16: x and weight are rounded to 8 bits of mantissa, products summed in float. The kernel wants weights in blocks of its own: kept, a
// copy of half the parameter's size; else rounded in every call. f32 without a place to keep a copy multiplies with the parameter itself.
// Measured on two shared cores of a Zen 4, 300 rows, ms of processor time (both cores' together):
//
//   K -> N           OpenBLAS f32   f32   f32 kept   bf16   bf16 kept
//   25088 -> 4096    680            755   584        410    311
//   4096 -> 4096     120            143   100         87     61
// bf16 in blocks of rows of weights that stay in the cache was slower than both (540).
// Throws frcnn::error where the processor has no kernel for bf16 (has_bf16()).
#include "frcnn/backend/cpu/onednn/layer.hpp"

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::onednn {

inline void inner_product(cpu::context& c, bool relu, view<float const, 2, cpu> x, weights const& weight, float const* bias,
                          view<float, 2, cpu> y, compute precision = compute::exact) {
  std::int32_t const m = x.dims[0], k = x.dims[1], n = y.dims[1];
  FRCNN_ASSERT(y.dims[0] == m);
  if (m == 0 || n == 0) return;
  bool const bf16 = precision == compute::bf16, packs = bf16 || weight.keep;
  state& own = c.state<state>();
  team const threads(c);
  plan& p = own.find({static_cast<std::int32_t>(op::inner_product), relu | bf16 << 1 | packs << 2 | (bias != nullptr) << 3, m, k, n}, [&] {
    type const of = bf16 ? type::bf16 : type::f32;
    desc const rows({m, k}, type::f32, tag::ab), parameter({n, k}, type::f32, tag::ab), out({m, n}, type::f32, tag::ab);
    desc const source({m, k}, of, tag::ab), offset = bias ? desc({n}, type::f32, tag::a) : desc();
    auto const made = inner_product_forward(prop_kind::forward_inference, source, packs ? desc({n, k}, of, tag::any) : parameter, offset,
                                            out, attributes(false, relu));
    plan q;
    q.packed = made.weights_desc();
    q.converted = source;
    q.compute = job(dnnl::inner_product_forward(made), made,
                    {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, q.packed}, {DNNL_ARG_BIAS, offset}, {DNNL_ARG_DST, out}});
    if (q.packed != parameter) q.weight = converter(parameter, q.packed);
    if (bf16) q.source = converter(rows, source);
    return q;
  });
  cpu::context::frame const scope(c);
  std::shared_ptr<void> held;
  void const* const w = weights_for(c, own, p, weight, held);
  p.compute.run(c, own.stream, {source_for(c, own, p, x.data), w, bias, y.data});
}

}  // namespace frcnn::onednn
FRCNN_HIDDEN_END

#endif
