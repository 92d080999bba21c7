#pragma once
// The model of model_options.hpp, of any preset, on the device of compute_options.hpp. In a header, as devices.hpp: which devices there are is
// what its program is compiled with.
#include "compute_options.hpp"
#include "model_options.hpp"

#if FRCNN_COMPILED_CPU
#include <frcnn/presets/compiled.hpp>
#else
#include <frcnn/presets/load_weights.hpp>
#endif

namespace console {

inline frcnn::any_detector load_model(model_arguments const& model, compute_arguments const& compute) {
  return frcnn::load_weights(model.file, model.foreign(), compute.get(), say_taken);
}

}  // namespace console
