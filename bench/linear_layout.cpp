// Fully connected layers in every layout that their weights could have: the proof that [N, K] serves all passes and the update.
//
//   op/linear_layout/<kernel>/<pass>/<rows>x<K>-<N>     passes  forward (no bias, no ReLU), backward_data, backward_weight
//     product        ours on [N, K] (forward)                           what ops::linear takes forward
//     onednn_gemm    oneDNN's sgemm on [N, K]                           what it takes backward
//     openblas       OpenBLAS's on [N, K], cut for the threads
//     onednn_packed  oneDNN's inner product, weights in blocks of its own choice that lie there already: a second copy of the weights,
//                    or gradients and an update in blocks too
//     onednn_bf16, onednn_bf16_kept    the same in bf16, weights rounded in every call, or once (forward)
// The counter `rule` is 1 where ops::linear takes this kernel.
#include "cases.hpp"
#include "suite.hpp"

#if FRCNN_HAS_ONEDNN

#include <memory>

namespace bench {
namespace {

namespace own = frcnn::cpu_backend::onednn;
using frcnn::writing;
enum class pass { forward, backward_data, backward_weight };
constexpr char const* pass_names[] = {"forward", "backward_data", "backward_weight"};

struct layout_case : linear_case {
  view<float, 2, device> dy, dx;
  view<float, 1, device> dweight;

  layout_case(context& c, int m, int k, int n, pass p) : linear_case(c, m, k, n, false) {
    std::fill(b_host.begin(), b_host.end(), 0.f);
    if (p == pass::forward) return;
    dy = uploaded(c, y.dims, numbers(y.size(), .5f, 1, 5));
    if (p == pass::backward_data) dx = frcnn::scratch<float, device>(c, x.dims);
    else dweight = frcnn::scratch<float, device>(c, weight.dims);
  }
  std::string wrong(context& c, pass p) const {
    if (p == pass::forward) return wrong_forward();
    context::frame const scope(c);
    auto const out = frcnn::scratch<float, device>(c, y.dims);
    frcnn::parallel_gemm<float>(c, false, true, m, n, k, 1, x.data, k, weight.data, k, 0, out.data, n);
    auto const host_dy = frcnn::to_host(dy), host_y = frcnn::to_host(out);
    return p == pass::backward_data ? not_adjoint(host_dy, host_y, frcnn::to_host(dx), x_host)
                                    : not_adjoint(host_dy, host_y, frcnn::to_host(dweight), w_host);
  }
};
using ptr = std::shared_ptr<layout_case>;
using prepare = std::function<std::function<void()>(context&, ptr)>;

// A product through `multiply(c, ta, tb, m, n, k, a, lda, b, ldb, out, ldc)`.
template <class F>
prepare product_of(pass p, F multiply) {
  return [=](context& c, ptr l) -> std::function<void()> {
    std::ptrdiff_t const m = l->m, n = l->n, k = l->k;
    if (p == pass::forward) return [=, &c] { multiply(c, false, true, m, n, k, l->x.data, k, l->weight.data, k, l->y.data, n); };
    if (p == pass::backward_data) return [=, &c] { multiply(c, false, false, m, k, n, l->dy.data, n, l->weight.data, k, l->dx.data, k); };
    return [=, &c] { multiply(c, true, false, n, k, m, l->dy.data, n, l->x.data, k, l->dweight.data, k); };
  };
}

// Forward and backward with weights, and their gradient, in the layout that the kernel of that pass likes best.
std::function<void()> packed_backward(context& c, ptr l, pass p, std::function<void()>& unpack) {
  using own::desc, own::tag, own::type;
  own::state& state = c.state<own::state>();
  own::team const threads(c);
  desc const x({l->m, l->k}, type::f32, tag::ab), y({l->m, l->n}, type::f32, tag::ab), plain({l->n, l->k}, type::f32, tag::ab),
      any({l->n, l->k}, type::f32, tag::any);
  auto const a = own::attributes();
  auto const hint = own::inner_product_forward(own::prop_kind::forward_training, x, any, {}, y, a);
  auto const made_job = [&](auto primitive, auto const& made, std::initializer_list<own::job::argument> arguments) {
    return std::make_shared<own::job>(primitive, made, arguments);
  };
  if (p == pass::backward_data) {
    using op = dnnl::inner_product_backward_data;
#if DNNL_VERSION_MAJOR >= 3
    op::primitive_desc const made(own::engine(), x, any, y, hint, a);
#else
    op::primitive_desc const made(op::desc(x, any, y), a, own::engine(), hint);
#endif
    auto const weights = made.weights_desc();
    float* const packed = static_cast<float*>(c.scratch(weights.get_size()));
    if (weights != plain) own::converter(plain, weights).run(c, state.stream, {l->weight.data, packed});
    else std::copy_n(l->weight.data, l->weight.size(), packed);
    auto const j = made_job(op(made), made, {{DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, x}});
    return [=, &c, &state] {
      own::team const team(c);
      j->run(c, state.stream, {l->dy.data, packed, l->dx.data});
    };
  }
  using op = dnnl::inner_product_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
  op::primitive_desc const made(own::engine(), x, any, y, hint, a);
#else
  op::primitive_desc const made(op::desc(x, any, y), a, own::engine(), hint);
#endif
  auto const weights = made.diff_weights_desc();
  float* const packed = static_cast<float*>(c.scratch(weights.get_size()));
  auto const j = made_job(op(made), made, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_DIFF_WEIGHTS, weights}});
  auto const back = weights != plain ? std::make_shared<own::job>(own::converter(weights, plain)) : nullptr;
  unpack = [=, &c, &state] {
    own::team const team(c);
    if (back) back->run(c, state.stream, {packed, l->dweight.data});
    else std::copy_n(packed, l->dweight.size(), l->dweight.data);
  };
  return [=, &c, &state] {
    own::team const team(c);
    j->run(c, state.stream, {l->x.data, l->dy.data, packed});
  };
}

void add_layout(int m, int k, int n, std::string const& where, bool trains) {
  auto const add_kernel = [=](char const* kernel, pass p, bool is_rule, prepare const& make, bool exact = true) {
    std::string const name = std::string("op/linear_layout/") + kernel + "/" + pass_names[static_cast<int>(p)] + "/" + std::to_string(m) +
                             "x" + std::to_string(k) + "-" + std::to_string(n);
    double const floats = static_cast<double>(m) * k + static_cast<double>(k) * n + static_cast<double>(m) * n;
    add_for("fast", name, benchmark::kMicrosecond, [=](context& c) {
      auto const l = std::make_shared<layout_case>(c, m, k, n, p);
      return job{.run = make(c, l),
                 .wrong = [=, &c] { return exact ? l->wrong(c, p) : l->wrong_forward(5e-2); },
                 .flops = l->flops(),
                 .bytes = bytes(floats),
                 .label = where,
                 .counters = {{"rule", is_rule}}};
    });
  };
  for (auto const p : {pass::forward, pass::backward_data, pass::backward_weight}) {
    if (p != pass::forward && !trains) continue;
    add_kernel("product", p, true,
               product_of(p, [](context& c, bool ta, bool tb, auto rows, auto columns, auto depth, auto a, auto lda, auto b, auto ldb,
                                auto out, auto ldc) {
                 frcnn::cpu_backend::simd::product(c, static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(depth),
                                                   {a, lda, ta}, {b, ldb, tb}, out, ldc, false);
               }));
    add_kernel("onednn_gemm", p, false,
               product_of(p, [](context& c, bool ta, bool tb, auto rows, auto columns, auto depth, auto a, auto lda, auto b, auto ldb,
                                auto out, auto ldc) {
                 own::team const team(c);
                 dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', rows, columns, depth, 1.f, a, lda, b, ldb, 0.f, out, ldc);
               }));
    add_kernel(
        "openblas", p, false,
        product_of(p, [](context& c, bool ta, bool tb, auto rows, auto columns, auto depth, auto a, auto lda, auto b, auto ldb, auto out,
                         auto ldc) { frcnn::parallel_gemm<float>(c, ta, tb, rows, columns, depth, 1, a, lda, b, ldb, 0, out, ldc); }));
  }
  auto const inner = [](frcnn::compute precision, bool kept) -> prepare {
    return [=](context& c, ptr l) -> std::function<void()> {
      auto const keep = kept ? std::make_shared<own::packed>() : nullptr;
      return [=, &c] { own::inner_product(c, false, l->x, {l->weight.data, keep.get(), 1}, nullptr, l->y, precision); };
    };
  };
  add_kernel("onednn_packed", pass::forward, false, inner(frcnn::compute::exact, true));
  if (own::has_bf16()) {
    add_kernel("onednn_bf16", pass::forward, false, inner(frcnn::compute::bf16, false), false);
    add_kernel("onednn_bf16_kept", pass::forward, false, inner(frcnn::compute::bf16, true), false);
  }
  if (!trains) return;
  for (auto const p : {pass::backward_data, pass::backward_weight}) {
    std::string const name = std::string("op/linear_layout/onednn_packed/") + pass_names[static_cast<int>(p)] + "/" + std::to_string(m) +
                             "x" + std::to_string(k) + "-" + std::to_string(n);
    add_for("fast", name, benchmark::kMicrosecond, [=](context& c) {
      auto const l = std::make_shared<layout_case>(c, m, k, n, p);
      std::function<void()> unpack;
      auto run = packed_backward(c, l, p, unpack);
      return job{.run = std::move(run),
                 .wrong =
                     [=, &c] {
                       if (unpack) unpack();
                       return l->wrong(c, p);
                     },
                 .flops = l->flops(),
                 .bytes = bytes(static_cast<double>(m) * k + static_cast<double>(k) * n + static_cast<double>(m) * n),
                 .label = where,
                 .counters = {{"rule", 0}}};
    });
  }
}

}  // namespace

void add_linear_layout() {
  for (int const rows : {300, 128}) {
    add_layout(rows, 512 * 49, 4096, "vgg16_tv fc6", rows == 128);
    add_layout(rows, 256 * 49, 512, "small fc6", rows == 128);
  }
}

}  // namespace bench

#else

namespace bench {
void add_linear_layout() {}
}  // namespace bench

#endif
