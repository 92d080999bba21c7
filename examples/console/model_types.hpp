#pragma once
// The model of model_options.hpp as a detector of its type, for programs that need more of it than any_detector has.
#include "devices.hpp"
#include "model_options.hpp"

#include <frcnn/load.hpp>
#include <frcnn/presets/load_weights.hpp>

namespace console {

// f.operator()<Family>(detector<Family>), for the families of the presets on the device that is asked for: all calls return one type.
template <class F>
auto with_model(model_arguments const& model, compute_arguments const& compute, F f) {
  auto const foreign = model.foreign();
  frcnn::weights_file const file(model.file, foreign.key);
  return with_device(compute, [&]<frcnn::Backend B>() {
    return frcnn::every_file_preset<B>::with(frcnn::preset_of(file, foreign.preset), [&]<class Preset>() {
      using family = frcnn::family_of<Preset>;
      auto d = frcnn::load_family<Preset>(file, foreign, compute.of<B>());
      say_taken(frcnn::taken_unsaid<family>(file, foreign.norm_epsilon));
      return f.template operator()<family>(std::move(d));
    });
  });
}

}  // namespace console
