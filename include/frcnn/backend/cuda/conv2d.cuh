#pragma once
// The products of ops::conv2d<cuda>: cuDNN's (conv_plans.cuh), in [N, H, W, C].
//   precision exact   float on the ordinary cores; tf32: on tensor cores, as cuDNN's default allows
//             bf16    inference: factors are rounded to bf16, and the sum once more, since cuDNN's result has the factors' type; what
//                     learns is computed as in tf32
// Where cuDNN has no plan in that layout, for double in particular, maps and weights are turned to planes, [N, C, H, W], and back.
#include "frcnn/backend/cuda/bf16.hpp"
#include "frcnn/backend/cuda/conv2d.hpp"
#include "frcnn/backend/cuda/conv_plans.cuh"
#include "frcnn/backend/cuda/executor.cuh"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

struct widen_from_bf16 {
  std::uint16_t const* in;
  float* out;
  writing how;
  FRCNN_HD void operator()(std::size_t i) const { write(out[i], from_bf16(in[i]), how); }
};

template <>
struct conv_products<cuda> {
  using context = cuda::context;

  template <Real T>
  static int channel_multiple(context& c, bool infers) {
    return std::is_same_v<T, double> ? 1 : infers && c.options().precision == compute::bf16 ? 8 : 4;
  }

  template <Real T>
  static void forward(context& c, conv2d_spec const& spec, bool infers, cuda_activation<T> x, T const* weight, cuda_activation<T> y,
                      writing how) {
    context::frame const scope(c);
    if constexpr (std::is_same_v<T, float>)
      if (infers && c.options().precision == compute::bf16 && forward_in_bf16(c, spec, x, weight, y, how)) return;
    if (run<conv_forward, T>(c, spec, x.dims, x.data, weight, y.data, y.dims.size(), how)) return;
    T* const out = how == writing::set ? c.scratch_of<T>(y.dims.size()) : planes_of(c, y);
    run_in_planes<conv_forward, T>(c, spec, x.dims, planes_of(c, x), planes_of(c, spec, weight), out, y.dims.size(), how);
    from_planes<T>(c, out, y);
  }

  template <Real T>
  static void backward_weight(context& c, conv2d_spec const& spec, cuda_activation<T> x, cuda_activation<T> dy, T* dweight, writing how) {
    context::frame const scope(c);
    if (run<conv_backward_weight, T>(c, spec, x.dims, x.data, dy.data, dweight, spec.weights(), how)) return;
    T* const out = how == writing::set ? c.scratch_of<T>(spec.weights()) : planes_of<T>(c, spec, dweight);
    run_in_planes<conv_backward_weight, T>(c, spec, x.dims, planes_of(c, x), planes_of(c, dy), out, spec.weights(), how);
    transpose_on<T>(c, out, dweight, spec.out_channels, spec.in_channels, spec.kernel * spec.kernel);
  }

  template <Real T>
  static void backward_data(context& c, conv2d_spec const& spec, cuda_activation<T> dy, T const* weight, cuda_activation<T> dx,
                            writing how) {
    context::frame const scope(c);
    if (run<conv_backward_data, T>(c, spec, dx.dims, weight, dy.data, dx.data, dx.dims.size(), how)) return;
    T* const out = how == writing::set ? c.scratch_of<T>(dx.dims.size()) : planes_of(c, dx);
    run_in_planes<conv_backward_data, T>(c, spec, dx.dims, planes_of(c, spec, weight), planes_of(c, dy), out, dx.dims.size(), how);
    from_planes<T>(c, out, dx);
  }

 private:
  template <Real T>
  static conv_problem problem(context& c, conv2d_spec const& spec, shape<4> x, cudnnTensorFormat_t format) {
    constexpr bool is_double = std::is_same_v<T, double>;
    return {spec, x, is_double ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT, format,
            c.options().precision == compute::exact || is_double ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH};
  }
  template <class Pass, Real T>
  static bool run(context& c, conv2d_spec const& spec, shape<4> x, T const* first, T const* second, T* out, std::size_t elements,
                  writing how) {
    if (std::is_same_v<T, double>) return false;  // cuDNN has none, and is not asked
    return c.state<conv_plans>().run<Pass, T>(c, problem<T>(c, spec, x, CUDNN_TENSOR_NHWC), first, second, out, elements * sizeof(T), how);
  }
  template <class Pass, Real T>
  static void run_in_planes(context& c, conv2d_spec const& spec, shape<4> x, T const* first, T const* second, T* out, std::size_t elements,
                            writing how) {
    auto const p = problem<T>(c, spec, x, CUDNN_TENSOR_NCHW);
    if (!c.state<conv_plans>().run<Pass, T>(c, p, first, second, out, elements * sizeof(T), how))
      throw error("cuDNN",
                  std::string("a deterministic plan of ") + Pass::runs + " for maps " + to_string(x) + " and a kernel of " +
                      std::to_string(spec.kernel),
                  c.state<conv_plans>().is_short_of_memory() ? "none for the memory that is left" : "none");
  }
  static bool forward_in_bf16(context& c, conv2d_spec const& spec, cuda_activation<float> x, float const* weight, cuda_activation<float> y,
                              writing how) {
    auto* const out = c.scratch_of<std::uint16_t>(y.dims.size());
    conv_problem const p{spec, x.dims, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, CUDNN_TENSOR_OP_MATH};
    if (!c.state<conv_plans>().run<conv_forward, float>(c, p, rounded(c, x.data, x.dims.size()), rounded(c, weight, spec.weights()), out,
                                                        y.dims.size() * sizeof *out, writing::set))
      return false;
    exec<cuda>::for_each(c, y.dims.size(), widen_from_bf16{out, y.data, how});
    return true;
  }
  static std::uint16_t const* rounded(context& c, float const* v, std::size_t n) {
    auto* const to = c.scratch_of<std::uint16_t>(n);
    exec<cuda>::for_each(c, n, round_to_bf16{v, to});
    return to;
  }
  template <class T>
  static T* planes_of(context& c, cuda_activation<T> a) {
    T* const to = c.scratch_of<T>(a.dims.size());
    transpose_on<T>(c, a.data, to, a.dims[0], a.dims[2] * a.dims[3], a.dims[1]);
    return to;
  }
  template <class T>
  static T* planes_of(context& c, conv2d_spec const& spec, T const* weight) {
    T* const to = c.scratch_of<T>(spec.weights());
    transpose_on<T>(c, weight, to, spec.out_channels, spec.kernel * spec.kernel, spec.in_channels);
    return to;
  }
  template <class T>
  static void from_planes(context& c, T const* planes, cuda_activation<T> a) {
    transpose_on<T>(c, planes, a.data, a.dims[0], a.dims[1], a.dims[2] * a.dims[3]);
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
