#pragma once
// A fully connected layer through oneDNN, forward only: bf16 for inference, f32 to compare with.
//
//   x [M, K]   weight [N, K] (a parameter in float, packed.hpp)   bias [N], nullptr: none   y [M, N]
//   inner_product(c, relu, x, weight, bias, y, precision, images)   y = x * weight^T + bias, then ReLU where asked for
//   images: the rows are so many runs of equal length, one product each, so that an image's rows have the same bits alone and in a batch.
//   false: oneDNN has no kernel that may run (library.hpp), and nothing was done
// bf16: x and weight are rounded to 8 bits of mantissa, products summed in float. The kernel wants weights in blocks of its own: kept, a
// copy (bf16: half the parameter's size); else made in every call.
// Measured on two shared cores of a Zen 4, 300 rows, ms of processor time (both cores' together):
//
//   K -> N           OpenBLAS f32   f32 kept   bf16   bf16 kept
//   25088 -> 4096    680            584        410    311
//   4096 -> 4096     120            100         87     61
// bf16 in blocks of rows of weights that stay in the cache was slower than both (540).
// Throws frcnn::error where the processor has no kernel for bf16 (has_bf16()).
#include "frcnn/backend/cpu/onednn/layer.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

inline bool inner_product(cpu::context& c, bool relu, view<float const, 2, cpu> x, weights const& weight, float const* bias,
                          view<float, 2, cpu> y, compute precision, int images = 1) {
  std::int32_t const m = x.dims[0] / std::max(images, 1), k = x.dims[1], n = y.dims[1];
  FRCNN_ASSERT(y.dims[0] == x.dims[0] && m * images == x.dims[0]);
  if (m == 0 || n == 0) return true;
  bool const bf16 = precision == compute::bf16;
  state& own = c.state<state>();
  team const threads(c);
  plan& p =
      own.find({static_cast<std::int32_t>(op::inner_product), relu | bf16 << 1 | (bias != nullptr) << 2, m, k, n, threads.size()}, [&] {
        type const of = bf16 ? type::bf16 : type::f32;
        desc const rows({m, k}, type::f32, tag::ab), parameter({n, k}, type::f32, tag::ab), out({m, n}, type::f32, tag::ab);
        desc const source({m, k}, of, tag::ab), offset = bias ? desc({n}, type::f32, tag::a) : desc();
        auto made =
            inner_product_forward(prop_kind::forward_inference, source, desc({n, k}, of, tag::any), offset, out, attributes(false, relu));
        plan q;
        if (!first_usable(made)) return q;
        q.packed = made.weights_desc();
        q.converted = source;
        q.compute = job(dnnl::inner_product_forward(made), made,
                        {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, q.packed}, {DNNL_ARG_BIAS, offset}, {DNNL_ARG_DST, out}});
        if (q.packed != parameter) q.weight = converter(parameter, q.packed);
        if (bf16) q.source = converter(rows, source);
        return q;
      });
  if (!p.compute) return false;
  cpu::context::frame const scope(c);
  std::shared_ptr<void> owner;
  void const* const w = weights_for(c, own, p, weight, owner);
  for (int i = 0; i < images; ++i) {
    cpu::context::frame const image(c);
    std::ptrdiff_t const row = static_cast<std::ptrdiff_t>(i) * m;
    p.compute.run(c, own.stream, {source_for(c, own, p, x.data + row * k), w, bias, y.data + row * n});
  }
  return true;
}

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
