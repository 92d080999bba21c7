#pragma once
// cuDNN's convolutions: a plan for each shape, chosen when the shape is first seen, and kept with the context.
//
// cuDNN's first interface is used, descriptors and algorithms, not its graphs: it has every convolution of ours, forward and backward, in
// [N, H, W, C] and in planes, and needs no other library's headers. What graphs would add is an epilogue inside of the product, whose ReLU
// makes a NaN 0 in this interface: ours is a kernel of its own, which lets the loss see it.
//
// Plans are such as give equal bits for equal data, within most_workspace: the fastest of them, measured on the caller's own data. With
// cuda_options::deterministic it is the first that cuDNN's rules name: then equal runs choose equal plans, too. Where there is less memory than
// most_workspace, what is measured has less workspace, and may be slower.
// A plan is run once before it is kept, into scratch: cuDNN names some that it then refuses.
// Measuring waits for the device: a shape is seen once before it can be captured.
//
//   conv_plans_of(c)            what was chosen so far, as text (conv_choices.hpp), to be stored beside a checkpoint
//   use_conv_plans(c, text)     these are taken, and nothing is measured for their shapes: equal runs have equal bits
//   resume_conv_plans(c, text, warn)   the same where the device or cuDNN may be another than those that they are of: then it warns and measures
//                               anew. With cuda_options::deterministic, which takes no stored plans, it does nothing
#include "frcnn/backend/cuda/conv_choices.hpp"
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/backend/cuda/libraries.cuh"
#include "frcnn/ops/conv2d.hpp"

#include <map>
#include <memory>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A descriptor: made by Create, given back by Destroy.
template <class D, auto Create, auto Destroy>
class cudnn_object {
 public:
  explicit cudnn_object(cuda::context& c) { c.call({"cuDNN's descriptor", cuda_calls::allocates}, Create, &object_); }
  cudnn_object(cudnn_object const&) = delete;
  cudnn_object& operator=(cudnn_object const&) = delete;
  ~cudnn_object() { Destroy(object_); }
  D get() const noexcept { return object_; }

 private:
  D object_ = nullptr;
};
using cudnn_tensor = cudnn_object<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using cudnn_filter = cudnn_object<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using cudnn_convolution = cudnn_object<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;

// What is convolved: all that a plan depends on.
struct conv_problem {
  conv2d_spec spec;
  shape<4> x;
  cudnnDataType_t type;  // of maps and weights
  cudnnTensorFormat_t format;
  cudnnMathType_t math;

  conv_key key(int pass) const {
    return {pass, spec.in_channels,       spec.out_channels,        spec.kernel,           spec.stride, spec.pad, x[0], x[2],
            x[3], static_cast<int>(type), static_cast<int>(format), static_cast<int>(math)};
  }
};

struct conv_plan {
  cudnn_tensor x, y;
  cudnn_filter w;
  cudnn_convolution conv;
  conv_choice choice;

  conv_plan(cuda::context& c, conv_problem const& p) : x(c), y(c), w(c), conv(c) {
    conv2d_spec const& s = p.spec;
    shape<4> const out = s.out_shape(p.x);
    auto const sums = p.type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
    c.call({"cudnnSetTensor4dDescriptor"}, cudnnSetTensor4dDescriptor, x.get(), p.format, p.type, p.x[0], s.in_channels, p.x[2], p.x[3]);
    c.call({"cudnnSetTensor4dDescriptor"}, cudnnSetTensor4dDescriptor, y.get(), p.format, p.type, out[0], out[1], out[2], out[3]);
    c.call({"cudnnSetFilter4dDescriptor"}, cudnnSetFilter4dDescriptor, w.get(), p.type, p.format, s.out_channels, s.in_channels, s.kernel,
           s.kernel);
    c.call({"cudnnSetConvolution2dDescriptor"}, cudnnSetConvolution2dDescriptor, conv.get(), s.pad, s.pad, s.stride, s.stride, 1, 1,
           CUDNN_CROSS_CORRELATION, sums);
    c.call({"cudnnSetConvolutionMathType"}, cudnnSetConvolutionMathType, conv.get(), p.math);
  }
};

// The three passes: two operands and a result, each with its descriptor.
struct conv_forward {
  using found = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr auto suggest = cudnnGetConvolutionForwardAlgorithm_v7;
  static constexpr auto measure = cudnnFindConvolutionForwardAlgorithmEx;
  static constexpr auto run = cudnnConvolutionForward;
  static constexpr int number = 0;
  static constexpr char const *suggests = "cudnnGetConvolutionForwardAlgorithm_v7", *measures = "cudnnFindConvolutionForwardAlgorithmEx",
                              *runs = "cudnnConvolutionForward";
  static cudnnTensorDescriptor_t first(conv_plan const& p) { return p.x.get(); }
  static cudnnFilterDescriptor_t second(conv_plan const& p) { return p.w.get(); }
  static cudnnTensorDescriptor_t result(conv_plan const& p) { return p.y.get(); }
};
struct conv_backward_weight {
  using found = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr auto suggest = cudnnGetConvolutionBackwardFilterAlgorithm_v7;
  static constexpr auto measure = cudnnFindConvolutionBackwardFilterAlgorithmEx;
  static constexpr auto run = cudnnConvolutionBackwardFilter;
  static constexpr int number = 1;
  static constexpr char const *suggests = "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
                              *measures = "cudnnFindConvolutionBackwardFilterAlgorithmEx", *runs = "cudnnConvolutionBackwardFilter";
  static cudnnTensorDescriptor_t first(conv_plan const& p) { return p.x.get(); }
  static cudnnTensorDescriptor_t second(conv_plan const& p) { return p.y.get(); }
  static cudnnFilterDescriptor_t result(conv_plan const& p) { return p.w.get(); }
};
struct conv_backward_data {
  using found = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr auto suggest = cudnnGetConvolutionBackwardDataAlgorithm_v7;
  static constexpr auto measure = cudnnFindConvolutionBackwardDataAlgorithmEx;
  static constexpr auto run = cudnnConvolutionBackwardData;
  static constexpr int number = 2;
  static constexpr char const *suggests = "cudnnGetConvolutionBackwardDataAlgorithm_v7",
                              *measures = "cudnnFindConvolutionBackwardDataAlgorithmEx", *runs = "cudnnConvolutionBackwardData";
  static cudnnFilterDescriptor_t first(conv_plan const& p) { return p.w.get(); }
  static cudnnTensorDescriptor_t second(conv_plan const& p) { return p.y.get(); }
  static cudnnTensorDescriptor_t result(conv_plan const& p) { return p.x.get(); }
};

class conv_plans {
 public:
  static constexpr std::size_t most_workspace = std::size_t{256} << 20, most_plans = 4096;

  explicit conv_plans(cuda::context& c) : handle_(cudnn_of(c)) {}

  std::string text(cuda::context& c) const { return choices_.text(made_on(c)); }
  void read(cuda::context& c, std::string const& text) { choices_.read(text, made_on(c)); }
  template <class Warn>
  void read_or_warn(cuda::context& c, std::string const& text, Warn const& warn) {
    choices_.read_or_warn(text, made_on(c), warn);
  }

  // Whether the last plans that were measured had less memory than they may take.
  bool is_short_of_memory() const { return is_short_; }

  // out = or += the pass of both operands; `bytes` of out. False: cuDNN has no plan for it, and nothing is done.
  template <class Pass, class Scalar>
  bool run(cuda::context& c, conv_problem const& p, void const* first, void const* second, void* out, std::size_t bytes, writing how) {
    conv_plan const& plan = plan_of<Pass, Scalar>(c, p, first, second, bytes);
    if (plan.choice == no_plan) return false;
    cuda::context::frame const scope(c);
    Scalar const one = 1, beta = how == writing::add ? 1 : 0;
    c.call({Pass::runs}, Pass::run, handle_, &one, Pass::first(plan), first, Pass::second(plan), second, plan.conv.get(),
           static_cast<decltype(typename Pass::found().algo)>(plan.choice.algorithm), c.scratch(plan.choice.workspace),
           plan.choice.workspace, &beta, Pass::result(plan), out);
    return true;
  }

 private:
  static constexpr conv_choice no_plan{-1, 0, 0};

  static std::string made_on(cuda::context& c) {
    cudaDeviceProp properties{};
    c.call(
        {"cudaGetDeviceProperties"}, [](cudaDeviceProp* p, int device) { return cudaGetDeviceProperties(p, device); }, &properties,
        c.options().device);
    return std::string(properties.name) + ", cuDNN " + std::to_string(cudnnGetVersion());
  }

  template <class Pass, class Scalar>
  conv_plan const& plan_of(cuda::context& c, conv_problem const& p, void const* first, void const* second, std::size_t bytes) {
    auto const key = p.key(Pass::number);
    if (auto const it = plans_.find(key); it != plans_.end()) return *it->second;
    if (plans_.size() >= most_plans) plans_.clear();  // images of any size; what was chosen is not forgotten
    auto plan = std::make_unique<conv_plan>(c, p);
    if (auto const chosen = c.options().deterministic ? std::nullopt : choices_.find(key)) plan->choice = *chosen;
    else if (plan->choice = choose<Pass, Scalar>(c, p, *plan, first, second, bytes); plan->choice == no_plan && is_short_)
      return *(without_memory_ = std::move(plan));  // asked again when there is more
    else choices_.put(key, plan->choice);
    if (plan->choice != no_plan)
      c.call({"cudnnSetConvolutionMathType"}, cudnnSetConvolutionMathType, plan->conv.get(),
             static_cast<cudnnMathType_t>(plan->choice.math));
    return *(plans_[key] = std::move(plan));
  }

  template <class Pass, class Scalar>
  conv_choice choose(cuda::context& c, conv_problem const& p, conv_plan const& plan, void const* first, void const* second,
                     std::size_t bytes) {
    constexpr int most = 16;
    typename Pass::found found[most] = {};
    int count = 0;
    is_short_ = false;
    cuda::context::frame const scope(c);
    void* const out = c.scratch(bytes);  // measuring and trying overwrite it
    std::size_t room = most_workspace;
    if (c.options().deterministic) {
      c.call({Pass::suggests}, or_none(Pass::suggest), handle_, Pass::first(plan), Pass::second(plan), plan.conv.get(), Pass::result(plan),
             most, &count, &found[0]);
    } else {
      cuda::context::frame const scope_of_measuring(c);
      auto const workspace = c.scratch_at_most(most_workspace);
      room = workspace.bytes;
      is_short_ = room < most_workspace;
      c.call({Pass::measures, cuda_calls::waits}, or_none(Pass::measure), handle_, Pass::first(plan), first, Pass::second(plan), second,
             plan.conv.get(), Pass::result(plan), out, most, &count, &found[0], workspace.data, workspace.bytes);
    }
    for (int i = 0; i < count; ++i) {
      auto const& f = found[i];
      if (f.status != CUDNN_STATUS_SUCCESS || f.memory > room || f.determinism != CUDNN_DETERMINISTIC) continue;
      // What is exact stays so, whatever cuDNN says that it measured with.
      conv_choice const choice{static_cast<int>(f.algo), static_cast<int>(p.math == CUDNN_FMA_MATH ? CUDNN_FMA_MATH : f.mathType),
                               f.memory};
      if (is_accepted<Pass, Scalar>(c, plan, choice, first, second, out)) return choice;
    }
    return no_plan;
  }
  template <class Pass, class Scalar>
  bool is_accepted(cuda::context& c, conv_plan const& plan, conv_choice const& choice, void const* first, void const* second, void* out) {
    cuda::context::frame const scope(c);
    auto const workspace = c.scratch_at_most(choice.workspace);
    if (workspace.bytes < choice.workspace) {  // there is less than when it was measured
      is_short_ = true;
      return false;
    }
    Scalar const one = 1, zero = 0;
    bool is_refused = false;
    // Whatever a plan fails of, the next one may work; a device that is lost says so in the next call.
    auto const attempt = [&is_refused](auto... arguments) {
      is_refused = is_refused || Pass::run(arguments...) != CUDNN_STATUS_SUCCESS;
      static_cast<void>(cudaGetLastError());
      return CUDNN_STATUS_SUCCESS;
    };
    c.call({"cudnnSetConvolutionMathType"}, cudnnSetConvolutionMathType, plan.conv.get(), static_cast<cudnnMathType_t>(choice.math));
    for (Scalar const* const beta : {&zero, &one})  // a plan sets, and adds
      c.call({Pass::runs}, attempt, handle_, &one, Pass::first(plan), first, Pass::second(plan), second, plan.conv.get(),
             static_cast<decltype(typename Pass::found().algo)>(choice.algorithm), workspace.data, choice.workspace, beta,
             Pass::result(plan), out);
    return !is_refused;
  }
  // What cuDNN does not support is no error of the call: it found nothing.
  template <class F>
  static auto or_none(F f) {
    return [f](auto... arguments) {
      cudnnStatus_t const status = f(arguments...);
      int const category = CUDNN_STATUS_CATEGORY(status);
      static_cast<void>(cudaGetLastError());  // of what was tried
      return category == CUDNN_STATUS_NOT_SUPPORTED || category == CUDNN_STATUS_BAD_PARAM ? CUDNN_STATUS_SUCCESS : status;
    };
  }

  cudnnHandle_t handle_;
  conv_choices choices_;
  std::map<conv_key, std::unique_ptr<conv_plan>> plans_;
  std::unique_ptr<conv_plan> without_memory_;
  bool is_short_ = false;  // of memory, when plans were measured last
};

}  // namespace detail

inline std::string conv_plans_of(cuda::context& c) { return c.state<detail::conv_plans>().text(c); }
inline void use_conv_plans(cuda::context& c, std::string const& text) { c.state<detail::conv_plans>().read(c, text); }
// warn(std::string const& sentence).
template <class Warn>
void resume_conv_plans(cuda::context& c, std::string const& text, Warn const& warn) {
  if (!c.options().deterministic) c.state<detail::conv_plans>().read_or_warn(c, text, warn);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
