#pragma once
// How a preset trains unless told otherwise: what its training() returns.
//
// Example, of `small`: {12, 2, {.lr = 0.01, .warmup = 100, .drops = {0.75}}, {.momentum = 0.9, .decay = 5e-4, .clip_norm = 10}}
#include "frcnn/train/schedule.hpp"
#include "frcnn/train/sgd_options.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

struct training_defaults {
  int epochs, batch;
  schedule rate;  // steps 0: of the epochs, set when the data is known
  sgd_options optimiser;
  int accumulate = 1;  // micro-batches per step
};

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
