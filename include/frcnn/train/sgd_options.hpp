#pragma once
// Options of the SGD optimiser.
#include "frcnn/config.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct sgd_options {
  double momentum = 0.9, decay = 5e-4;
  double clip_norm = 0;                      // largest norm of all gradients together; 0: no clipping
  std::optional<bool> lr_inside_momentum{};  // Caffe's form: the rate is part of the velocity; not set: as the model's convention has it
};

}  // namespace frcnn
FRCNN_HIDDEN_END
