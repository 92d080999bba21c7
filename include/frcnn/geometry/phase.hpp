#pragma once
// What proposals are made for: it decides how many there may be (proposal_limits.hpp).
#include "frcnn/config.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// Training the RoI head in the same step, detecting, or the files between the steps of alternating training.
enum class phase : std::uint8_t { train, test, stage };

}  // namespace frcnn
FRCNN_HIDDEN_END
