#pragma once
// The backend of --device as a type, and with it the presets that are compiled for it.
//   with_device(compute, []<frcnn::Backend B>() { ... every_preset<B> ... })
#include "compute_options.hpp"
#include "console.hpp"

#include <frcnn/presets/every_preset.hpp>
#if FRCNN_COMPILED_CUDA
#include <frcnn/presets/every_cuda_preset.cuh>
#endif

namespace console {

// Throws error where options do not go together, or the device is not there.
inline void require_device(compute_arguments const& compute) { frcnn::check_device(compute.get()); }

// All calls of f return one type. Throws error where the device is not there.
template <class F>
auto with_device(compute_arguments const& compute, F f) {
  require_device(compute);
#if FRCNN_COMPILED_CUDA
  if (compute.is_cuda()) return f.template operator()<frcnn::cuda>();
#endif
  return f.template operator()<frcnn::cpu>();
}

// What a program keeps of a device from one run to the next: cuDNN's choices, without which equal runs need not have equal bytes. With
// --deterministic, which cuDNN's rules are enough for, there is nothing to keep.
template <class Context>
std::string choices_of([[maybe_unused]] Context& context) {
#if FRCNN_COMPILED_CUDA
  if constexpr (std::is_same_v<Context, frcnn::cuda::context>)
    if (!context.options().deterministic) return frcnn::conv_plans_of(context);
#endif
  return {};
}
// On another model of GPU, or with another cuDNN, the run goes on with choices of its own, and says so.
template <class Context>
void use_choices([[maybe_unused]] Context& context, [[maybe_unused]] std::string const& choices) {
#if FRCNN_COMPILED_CUDA
  if constexpr (std::is_same_v<Context, frcnn::cuda::context>) frcnn::resume_conv_plans(context, choices, warn);
#endif
}

}  // namespace console
