#pragma once
// Options of a CUDA context: which device, and how it computes.
#include "frcnn/core/compute.hpp"

#include <cstddef>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct cuda_options {
  int device = 0;                      // as CUDA counts them: CUDA_VISIBLE_DEVICES hides some
  compute precision = compute::exact;  // of the products of layers
  bool deterministic = false;          // equal runs give equal bytes: only plans of cuDNN that promise it
  std::size_t arena_bytes = 0;         // most scratch there may be: address space, mapped as it is reached. 0: all of the device's memory
  std::size_t graph_bytes = std::size_t{1} << 30;  // most that CUDA graphs of `detect` and `step` take (graph_cache.hpp). 0: none are made
};

}  // namespace frcnn
FRCNN_HIDDEN_END
